import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { describeShared } from "../../helpers/shared.ts";
import { root } from "../../helpers/test-host.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";
import { denoBinary, describeInstalled } from "../installed.ts";
import { DECO, decoModels, runDeco, type DecoAnswer } from "./golden.ts";

const deno = existsSync(join(root, "dist/lib/deno.js")) ? denoBinary() : undefined;

describeInstalled("DECO on Deno", "deno, or a build,", deno, () => {
  describeShared("golden DECO models", DECO, () => {
    it.each(["simd", "relaxed"])("gives the authors' numbers, %s", async (tier) => {
      const folder = temporaryFolder();
      for (const { file, work, check } of await decoModels(folder)) {
        const script = join(folder, "run.mjs");
        writeFileSync(
          script,
          `import { loadModel } from ${JSON.stringify(`file://${join(root, "dist/lib/deno.js")}`)};
          const load = (options) => loadModel(${JSON.stringify(file)}, { ...options, tier: ${JSON.stringify(tier)} });
          console.log(JSON.stringify(await (${runDeco.toString()})(load, ${JSON.stringify(work)})));`,
        );
        const { status, stdout, stderr } = spawnSync(deno as string, ["run", "--no-prompt", "--cached-only", "--allow-read", script], {
          cwd: root,
          env: { ...process.env, NO_COLOR: "1" },
          encoding: "utf8",
          maxBuffer: 1 << 26,
        });
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
        const answers = JSON.parse(stdout) as DecoAnswer[];
        expect(new Set(answers.map((answer) => answer.tier))).toEqual(new Set([tier]));
        check(answers);
      }
    });
  });
});
