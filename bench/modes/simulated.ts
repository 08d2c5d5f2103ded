import { createRandom } from "../../src/decode/sampling/rng.ts";
import { UsageError } from "../../src/errors.ts";
import type { Host } from "../../src/host.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import type { FfnMode } from "../../src/engine/types.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { SparsityCounter } from "../../src/sparsity/stats.ts";
import { measureFfn, type FfnSample, type FfnTimes } from "../ffn.ts";
import { median } from "../measure.ts";
import { fillUniform } from "../../synthetic/random.ts";
import { denseTwin } from "../../synthetic/shapes.ts";
import { syntheticModel } from "../../synthetic/model.ts";
import { fitAcceptance, treeOf } from "./acceptance.ts";
import { Bed, PROMPT } from "./bed.ts";
import { ImposedRouting } from "./imposed.ts";
import { ACCEPT_LENGTHS, ACCEPT_NODES, MEAN_ACCEPT_LENGTH, ROUTING } from "./paper.ts";
import { fitRouting, RoutingTrace, type RoutingModel } from "./routing.ts";
import { markBest, type ModelReport, type ModeName, type ModeRow, type Speed } from "./types.ts";
import type { RunSettings } from "./settings.ts";
import { onAllThreads } from "../../synthetic/threads.ts";

const FFN_SAMPLES = 4;
/** Passes that take so long are measured so often: the rounds are for those that a disturbance could change. */
const SLOW_MS = 400;
const SLOW_PASSES = 3;

/** One mode at one tree size, and what a round of it took. */
interface Lane {
  readonly mode: ModeName;
  readonly ffn: FfnMode;
  readonly nodes: number;
  readonly bed: Bed;
  readonly passMs: number[];
  readonly draftMs: number[];
}

/**
 * The modes of a published shape with synthetic weights: every pass is a real one of the engine, whose experts follow a trace
 * with the paper's sparsity and which really skips the others. Which drafts are accepted is simulated at the paper's accept
 * lengths; drafting is a real pass of an EAGLE head with synthetic weights.
 * @throws UsageError for a shape whose sparsity is not known.
 */
export async function measureShape(
  host: Host,
  name: string,
  config: ModelConfig,
  quantization: Quantization,
  settings: RunSettings,
): Promise<ModelReport> {
  const targets = ROUTING[name];
  if (targets === undefined || config.ffn.kind !== "experts") {
    throw new UsageError(`has no published sparsity to simulate; known are ${Object.keys(ROUTING).join(", ")}`, { field: "shape" });
  }
  const routing = fitRouting(config.ffn.experts, targets);
  const firstGuess = fitAcceptance(MEAN_ACCEPT_LENGTH, ACCEPT_NODES);
  settings.onProgress(`${name}: filling synthetic weights`);
  const model = onAllThreads(await syntheticModel(host, config, quantization, settings.tier, settings.threads));
  const twin = onAllThreads(await syntheticModel(host, denseTwin(config), quantization, settings.tier, settings.threads));
  try {
    const bed = new Bed(model, routing);
    const twinBed = new Bed(twin, undefined);
    const lane = (mode: ModeName, ffn: FfnMode, nodes: number, on = bed): Lane => ({ mode, ffn, nodes, bed: on, passMs: [], draftMs: [] });
    const sizes = settings.sizes.filter((nodes) => nodes <= Math.min(model.maxChunk, model.maxLogitRows));
    const lanes = [
      lane("dense AR", "dense", 1),
      lane("dense twin AR", "dense", 1, twinBed),
      lane("sparse, 1 token", "sparse", 1),
      ...sizes.map((nodes) => lane("dense + speculation", "dense", nodes)),
      ...sizes.map((nodes) => lane("sparse + speculation", "sparse", nodes)),
    ];
    for (let round = -1; round < settings.rounds; round++) {
      for (const each of lanes) {
        if (each.passMs.length >= SLOW_PASSES && median(each.passMs) > SLOW_MS) continue;
        settings.onProgress(
          `${name} ${quantization}, round ${round + 1} of ${settings.rounds}: ${each.mode}${each.nodes > 1 ? `, ${each.nodes} nodes` : ""}`,
        );
        const times = each.bed.visit(each.ffn, treeOf(firstGuess, each.nodes), round < 0 ? 0 : settings.minMs);
        // The first round warms up.
        if (round < 0) continue;
        each.passMs.push(...times.passMs);
        each.draftMs.push(...times.draftMs);
      }
    }
    settings.onProgress(`${name} ${quantization}: FFN alone`);
    const ffn = measureShapeFfn(model, routing, [1, ...sizes], settings.rounds);
    const measured = measureTrace(routing, config.layers);
    return {
      name,
      quantization,
      tier: model.tier,
      threads: settings.threads,
      weightBytes: model.plan.bytes,
      promptTokens: PROMPT,
      prompts: 0,
      tls: measured.tls,
      simulation: {
        routing: { ...targets, measuredTls: measured.tls, measuredReuse: measured.reuse, memory: routing.memory },
        firstGuess,
        draftVocab: bed.draftVocab,
        acceptLengths: Object.fromEntries([1, ...sizes].map((nodes) => [nodes, treeOf(firstGuess, nodes).acceptLength])),
      },
      modes: rowsOf(lanes, firstGuess),
      ffn,
    };
  } finally {
    model.dispose();
    twin.dispose();
  }
}

/** Speeds from the median times of a round: the tree's mean accept length over pass and drafting. */
function rowsOf(lanes: readonly Lane[], firstGuess: number): ModeRow[] {
  const roundMs = ({ passMs, draftMs }: Lane): number => median(passMs) + (draftMs.length > 0 ? median(draftMs) : 0);
  const baseline = 1000 / roundMs(lanes[0] as Lane);
  const speed = (lane: Lane, q: number): Speed => {
    const { acceptLength } = treeOf(q, lane.nodes);
    const tokensPerSecond = (1000 * acceptLength) / roundMs(lane);
    return { tokensPerSecond, acceptLength, speedup: tokensPerSecond / baseline };
  };
  return markBest(
    lanes.map((lane) => ({
      mode: lane.mode,
      ffn: lane.ffn,
      nodes: lane.nodes,
      drafter: lane.nodes > 1 ? "eagle" : null,
      passMs: median(lane.passMs),
      passRangeMs: [Math.min(...lane.passMs), Math.max(...lane.passMs)],
      draftMs: lane.draftMs.length > 0 ? median(lane.draftMs) : 0,
      identical: null,
      ...speed(lane, firstGuess),
      categories: Object.fromEntries(
        Object.entries(ACCEPT_LENGTHS).map(([category, length]) => [category, speed(lane, fitAcceptance(length, ACCEPT_NODES))]),
      ),
    })),
  );
}

/** The feed-forward branches alone on random inputs, routed by the trace. */
function measureShapeFfn(model: ModelInstance, routing: RoutingModel, sizes: readonly number[], rounds: number): FfnTimes[] {
  const { layers, hiddenSize } = model.config;
  const imposed = new ImposedRouting(model);
  const trace = new RoutingTrace(routing, layers, createRandom(23));
  const q = fitAcceptance(MEAN_ACCEPT_LENGTH, ACCEPT_NODES);
  const groups = sizes.map((rows): FfnSample[] =>
    Array.from({ length: Math.max(1, Math.floor(FFN_SAMPLES / rows)) }, (_, i) => {
      const active = trace.draw(treeOf(q, rows).parents);
      trace.keep(rows - 1);
      const input = new Float32Array(rows * hiddenSize);
      fillUniform(input, i * 77 + rows, Math.sqrt(3));
      return { rows, active, inputs: Array.from({ length: layers }, () => input), before: () => imposed.set(active) };
    }),
  );
  const times = measureFfn(model, groups, { rounds: Math.min(rounds, 5), minMs: 0 });
  imposed.off();
  return times;
}

/** TLS and reuse of a trace, counted. */
function measureTrace(routing: RoutingModel, layers: number): { tls: number; reuse: number } {
  const trace = new RoutingTrace(routing, layers, createRandom(29));
  const counter = new SparsityCounter(layers, trace.experts);
  for (let i = 0; i < 500; i++) {
    counter.addDocumentChunk(trace.draw([-1]), 1);
    trace.keep(0);
  }
  const { tls, reuseRatio } = counter.result();
  return { tls: tls as number, reuse: reuseRatio as number };
}
