import { TIERS, type Host, type Tier } from "../src/host.ts";
import { Engine } from "../src/engine/engine.ts";
import { bestTier } from "../src/load/tier.ts";
import { Bed } from "./bed.ts";
import { kernelCases } from "./kernel-cases.ts";
import { interleave, type Case } from "./measure.ts";

export interface KernelResult {
  readonly kernel: string;
  readonly size: string;
  readonly tier: Tier;
  readonly microseconds: number;
  /** Bytes of weights (or of the vector) read a second; multiply-adds count as two operations. */
  readonly gigabytesPerSecond: number;
  readonly gigaopsPerSecond: number;
  /** Median time of the scalar tier over this one's. */
  readonly speedup: number;
}

/** Times every kernel in all tiers that work here, side by side. `quick` leaves out the large buffers. */
export async function benchKernels(
  host: Host,
  options: { quick?: boolean; onCase?: (name: string) => void } = {},
): Promise<KernelResult[]> {
  const tiers = TIERS.slice(0, TIERS.indexOf(await bestTier(host)) + 1);
  const modules = await Promise.all(tiers.map((tier) => host.engine(tier)));
  const results: KernelResult[] = [];
  for (const { kernel, size, bytes, ops, make } of kernelCases(options.quick === true)) {
    options.onCase?.(`${kernel} ${size}`);
    const cases: Case[] = [];
    for (let i = 0; i < tiers.length; i++) {
      const bed = new Bed(await Engine.create(modules[i] as WebAssembly.Module));
      cases.push({ name: tiers[i] as string, run: make(bed) });
    }
    const timings = interleave(cases, { rounds: 7, minMs: 10 });
    timings.forEach(({ median }, i) =>
      results.push({
        kernel,
        size,
        tier: tiers[i] as Tier,
        microseconds: median * 1000,
        gigabytesPerSecond: bytes / median / 1e6,
        gigaopsPerSecond: ops / median / 1e6,
        speedup: (timings[0]?.median ?? median) / median,
      }),
    );
  }
  return results;
}
