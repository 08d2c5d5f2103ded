import { Option, type Command } from "commander";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Context } from "../../cli/io.ts";
import { jsonOption } from "../../cli/options.ts";
import { PACKAGE_ROOT } from "../../host/node/package.ts";
import { TIERS, type Tier } from "../../src/host.ts";
import { countInstructions, type InstructionCounts } from "../instructions/count.ts";
import { table } from "../measure.ts";

interface Options {
  readonly tier: Tier[];
  readonly write?: boolean;
  readonly json?: boolean;
}

/** The counts that are kept, by tier: `npm test` compares with them. */
const KEPT = fileURLToPath(new URL("bench/instructions/counts.json", PACKAGE_ROOT));

export function registerBenchInstructions(bench: Command, { io, signal }: Context): void {
  bench
    .command("instructions")
    .description("Count the WebAssembly instructions of decoding, prefill, drafting and each kernel: exact, the same on every machine.")
    .addOption(new Option("--tier <tier...>", "kernels to count").choices(TIERS).default(["simd"]))
    .option("--write", "keep the counts in bench/instructions/counts.json, with which npm test compares")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  npm run bench -- instructions
  npm run bench -- instructions --tier simd relaxed --write
On Node 20, which has relaxed SIMD behind a flag:
  node --experimental-wasm-relaxed-simd --no-liftoff bench/dist/main.js instructions --tier relaxed`,
    )
    .action(async (options: Options) => {
      const kept = JSON.parse(readFileSync(KEPT, "utf8")) as Record<string, InstructionCounts>;
      const found: Record<string, InstructionCounts> = {};
      for (const tier of options.tier) {
        signal.throwIfAborted();
        found[tier] = await countInstructions(tier);
      }
      if (options.write === true) writeFileSync(KEPT, `${JSON.stringify({ ...kept, ...found }, null, 2)}\n`);
      await io.out(options.json === true ? `${JSON.stringify(found)}\n` : format(found, kept));
    });
}

function format(found: Readonly<Record<string, InstructionCounts>>, kept: Readonly<Record<string, InstructionCounts>>): string {
  const rows = Object.entries(found).flatMap(([tier, counts]) =>
    Object.entries(counts).map(([what, count]) => {
      const before = kept[tier]?.[what];
      return [tier, what, String(count), before === undefined ? "-" : `${(100 * (count / before - 1)).toFixed(2)} %`];
    }),
  );
  return table(["tier", "what", "instructions", "against the kept"], rows);
}
