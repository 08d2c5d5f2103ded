import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { SHAPES } from "../../../synthetic/shapes.ts";
import { PACKAGE_ROOT } from "../../../host/node/index.ts";
import { WASI_COMMAND } from "../../../host/wasi/index.ts";
import type { GenerationResult } from "../../../src/decode/generation.ts";
import { writeSynthetic } from "../../helpers/synthetic-file.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";
import { describeTool, RUNTIMES } from "../wasi/runtimes.ts";
import { LIMIT_KIB, withinLimit } from "./tools.ts";

// What fits a Raspberry Pi of 512 MB: the published Small shape at 4 bits, on this machine's own instructions (its weights are
// random, and under emulation it would take minutes). The limit is the system's, see tools.ts.

const CLI = join(PACKAGE_ROOT.pathname, "dist/lib/cli.js");
const ARGS = ["--model", "small.safetensors", "--tokens", "1,2,3,4,5,6,7,8", "--max-tokens", "8", "--ignore-eos", "--json"];
const folder = temporaryFolder();
let fileSize = 0;
beforeAll(async () => {
  fileSize = await writeSynthetic(join(folder, "small.safetensors"), SHAPES["Small"]!, "q4");
}, 120_000);

const tokensOf = (stdout: string): readonly number[] => (JSON.parse(stdout) as GenerationResult).tokens;

describe("512 MB: Node", () => {
  it("generates with the Small shape", async () => {
    expect(fileSize).toBeGreaterThan(200 << 20);
    const { stdout } = await withinLimit([process.execPath, CLI, "generate", ...ARGS], folder, LIMIT_KIB);
    expect(tokensOf(stdout)).toHaveLength(8);
  });

  it("the limit holds: with less memory than weights the command says what it lacks", async () => {
    await expect(withinLimit([process.execPath, CLI, "generate", ...ARGS], folder, (fileSize >> 10) - 50_000)).rejects.toThrow(
      /blockffn: .*memory/,
    );
  });
});

const wasmtime = RUNTIMES.find(({ name }) => name === "wasmtime")!;
describeTool("512 MB: wasmtime", wasmtime.tool, "run test/runtime/wasi/install.sh", () => {
  const run = (kib: number) => withinLimit([wasmtime.tool, "run", "--dir", ".", WASI_COMMAND, "--", ...ARGS], folder, kib);

  it("generates with the Small shape, the tokens of Node", async () => {
    const { stdout } = await withinLimit([process.execPath, CLI, "generate", ...ARGS], folder, LIMIT_KIB);
    expect(tokensOf((await run(LIMIT_KIB)).stdout)).toEqual(tokensOf(stdout));
  });

  it("the limit holds: with less memory than weights the command says what it lacks", async () => {
    await expect(run((fileSize >> 10) - 50_000)).rejects.toThrow(/the model: needs \d+ bytes of memory/);
  });
});
