import { Option, type Command } from "commander";
import { PARTS, runBench, type BenchPart } from "../main.ts";
import { formatReport } from "../report.ts";
import { SHAPES } from "../../synthetic/shapes.ts";
import { UsageError } from "../../src/errors.ts";
import { TIERS, type Tier } from "../../src/host.ts";
import { QUANTIZATIONS, type Quantization } from "../../src/architecture/quantization.ts";
import type { Context } from "../../cli/io.ts";
import { jsonOption, modelOption, wholeNumber } from "../../cli/options.ts";

interface Options {
  readonly model?: string;
  readonly shape: string[];
  readonly quantize: Quantization[];
  readonly tier: Tier[];
  readonly threads: string[];
  readonly quick?: boolean;
  readonly json?: boolean;
}

/** Gives the program its own action: what to measure when no command is named. */
export function measureParts(bench: Command, context: Context): void {
  const names = Object.keys(SHAPES).join(", ");
  bench
    .description(
      "Measure kernels, prefill, decode, the FFN against its bound, speculation against plain decoding, loading, the server, " +
        "and threads beside a busy process, on this machine.",
    )
    .argument("[parts...]", `what to measure: ${PARTS.join(", ")} (default: all)`)
    .addOption(modelOption())
    .option("--shape <name...>", `also decode and load these shapes with synthetic weights: ${names}`, [])
    .addOption(new Option("--quantize <type...>", "weights of the synthetic shapes").choices(QUANTIZATIONS).default(["q8"]))
    .addOption(new Option("--tier <tier...>", "kernels to measure").choices(TIERS).default(["simd"]))
    .option("--threads <n...>", "thread counts to decode with, side by side", ["1"])
    .option("--quick", "fewer rounds and no large buffers")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  npm run bench
  npm run bench -- decode --shape 135M --quantize q8 q4
  npm run bench -- load --shape 135M
  npm run bench -- decode --threads 1 2 --shape Large --quantize q4
  npm run bench -- ffn --model my-model.q8.safetensors --json
  npm run bench -- modes --help
  npm run bench -- big --help
  npm run bench -- instructions --help
  npm run bench -- context --help
Peers (llama.cpp, wllama, onnxruntime-web) are measured by bench/peers, see its README.`,
    )
    .action(async (parts: string[], options: Options) => {
      const unknown = parts.find((part) => !PARTS.includes(part as BenchPart));
      if (unknown !== undefined) throw new UsageError(`unknown part ${unknown}; known are ${PARTS.join(", ")}`);
      const { io, signal } = context;
      const report = await runBench({
        parts: parts.length === 0 ? PARTS : (parts as BenchPart[]),
        model: options.model ?? io.defaultModel,
        shapes: options.shape,
        quantizations: options.quantize,
        tiers: options.tier,
        threads: options.threads.map(wholeNumber),
        quick: options.quick === true,
        onProgress: (what) => {
          signal.throwIfAborted();
          if (io.stderrIsTty) io.err(`\r\u001b[K${what}`);
        },
      });
      if (io.stderrIsTty) io.err("\r\u001b[K");
      await io.out(options.json === true ? `${JSON.stringify(report)}\n` : formatReport(report));
    });
}
