import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { KernelBench } from "../helpers/kernel-bench.ts";
import { TIERS } from "../helpers/test-host.ts";
import { hashKernels } from "./hashes.ts";

// A change of the plumbing must not change a bit. BLOCKFFN_WRITE_HASHES=1 writes the file anew, after a change of arithmetic that is meant.
const FILE = new URL("./hashes.json", import.meta.url);
const write = process.env.BLOCKFFN_WRITE_HASHES === "1";
type Hashes = Record<string, Record<string, string>>;
const committed = (): Hashes => (existsSync(FILE) ? (JSON.parse(readFileSync(FILE, "utf8")) as Hashes) : {});

/** Whether the machine fuses multiply-adds of the tier `relaxed`, as those do that the file was written on. */
function fuses(bench: KernelBench): boolean {
  const x = 1 + 2 ** -12;
  const at = bench.put(Float32Array.of(1, x));
  const w = new Float32Array(32);
  [w[0], w[16]] = [-1, x];
  const y = bench.space(64);
  const index = bench.put(Uint32Array.of(0));
  bench.multiply("matmulF32", {
    w: bench.put(w),
    rows: 16,
    cols: 2,
    x: at,
    xStride: 8,
    xi: index,
    n: 1,
    y,
    yStride: 64,
    yi: index,
    accumulate: false,
  });
  return bench.floats(y, 1)[0] === Math.fround(2 ** -11 + 2 ** -24);
}

for (const tier of TIERS) {
  it(`${tier}: every kernel leaves the bits that it left`, async (context) => {
    const bench = await KernelBench.create(tier);
    if (tier === "relaxed" && !fuses(bench)) context.skip("this machine does not fuse multiply-adds");
    const hashes = hashKernels(bench);
    if (write) writeFileSync(FILE, `${JSON.stringify({ ...committed(), [tier]: hashes }, undefined, 2)}\n`);
    expect(hashes).toEqual(committed()[tier]);
  });
}

it("knows every kernel of the engine", async () => {
  const bench = await KernelBench.create("scalar");
  const known = new Set([
    ...Object.keys(hashKernels(bench)),
    "compact",
    "eagleForward",
    "fail",
    "ffnBranch",
    "forward",
    "heapBase",
    "layoutVersion",
    "selfCheck",
    "setReadAhead",
    "stop",
    "team",
    "worker",
    "memory",
  ]);
  expect(Object.keys(bench.run).filter((name) => !known.has(name))).toEqual([]);
});
