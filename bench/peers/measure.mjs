// Interleaved measurement: every round lets each engine decode and prefill once, so that a slow spell of the machine
// meets all of them. Reports medians, and ratios taken within a round.
import { Engine } from "./engine.mjs";

/** The middle of `numbers` (the mean of the two middle ones). */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** One decode and one prefill of `engine`: tokens per second, and the ids that it chose. */
async function run(engine, { prompt, steps }) {
  const { ms, ids } = await engine.ask({ op: "decode", tokens: steps });
  if (ids && ids.length !== steps) throw new Error(`${engine.spec}: ${ids.length} tokens instead of ${steps}`);
  const { ms: prefillMs } = await engine.ask({ op: "prefill", tokens: prompt });
  return { prefill: (1000 * prompt) / prefillMs, decode: (1000 * steps) / ms, ids };
}

/** Lets each engine run in turn; returns the runs, and how much processor time each used while the others ran. */
async function interleave(engines, options, log) {
  const runs = engines.map(() => []);
  const idle = engines.map(() => ({ cpu: 0, wall: 0 }));
  for (let round = 1 - options.warmup; round <= options.rounds; round++) {
    for (const [i, engine] of engines.entries()) {
      const before = engines.map((e) => e.cpuSeconds());
      const start = performance.now();
      const result = await run(engine, options);
      const wall = (performance.now() - start) / 1000;
      const label = round < 1 ? "warm-up" : `round ${round}/${options.rounds}`;
      log(`${label}: ${engine.spec} decode ${result.decode.toFixed(1)}, prefill ${result.prefill.toFixed(1)} tokens/s`);
      if (round < 1) continue;
      runs[i].push(result);
      engines.forEach((other, j) => {
        if (j === i || before[j] === undefined) return;
        idle[j].cpu += other.cpuSeconds() - before[j];
        idle[j].wall += wall;
      });
    }
  }
  return { runs, idle };
}

/**
 * Measures the engines `specs` (see Engine.start) side by side. Options: shape, type, threads, prompt (tokens of the
 * prefill), steps (decoded tokens), rounds, warmup (rounds that do not count). Resolves to `{ engines, ratios }`;
 * `ratios` are the first engine's speed over each other's. `idleCpu` is the share of a core that an engine used
 * while the others ran: far from 0 means that it disturbed them.
 */
export async function measure(specs, options, log = () => {}) {
  const { shape, type, threads, prompt, steps } = options;
  const engines = [];
  try {
    for (const spec of specs) {
      log(`loading ${spec}`);
      engines.push(await Engine.start(spec, { shape, type, threads, context: Math.max(prompt, steps + 16) + 32 }));
    }
    const { runs, idle } = await interleave(engines, options, log);
    const middle = (i, what) => median(runs[i].map((r) => r[what]));
    return {
      engines: engines.map(({ spec, info }, i) => {
        const { ready: _, ...about } = info;
        return {
          spec,
          ...about,
          prefillTokensPerSecond: middle(i, "prefill"),
          decodeTokensPerSecond: middle(i, "decode"),
          runs: runs[i].map(({ prefill, decode }) => ({ prefill, decode })),
          sameIdsEachRun: new Set(runs[i].map((r) => String(r.ids))).size === 1,
          firstIds: runs[i][0].ids?.slice(0, 8),
          idleCpu: idle[i].wall ? idle[i].cpu / idle[i].wall : undefined,
        };
      }),
      ratios: engines.slice(1).map(({ spec }, i) => {
        const over = (what) => median(runs[0].map((r, round) => r[what] / runs[i + 1][round][what]));
        return { engine: specs[0], over: spec, prefill: over("prefill"), decode: over("decode") };
      }),
    };
  } finally {
    await Promise.all(engines.map((engine) => engine.stop()));
  }
}
