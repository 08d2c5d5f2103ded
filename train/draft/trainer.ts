import { createRandom } from "../../src/decode/sampling/rng.ts";
import { TrainingError } from "../../src/errors.ts";
import { intTensor, jit, startAutodiff, tensor, valueAndGrad, type BackendChoice, type Tensor, type Tensors } from "../autodiff/jax.ts";
import type { RowSource } from "../data/rows.ts";
import type { RowArrays } from "../model/gradients.ts";
import { fillNormal } from "../model/initial.ts";
import type { ParameterTable } from "../model/parameters.ts";
import { ropeTables } from "../model/rope.ts";
import { adamW, norm, type Moments } from "../optimizer/adamw.ts";
import { learningRateShare } from "../optimizer/learning-rate.ts";
import { draftTable, type DraftHeadConfig } from "./head.ts";
import { draftLoss, type DraftObjective, type DraftRows } from "./loss.ts";
import type { HiddenStates } from "./states.ts";

export interface DraftOptions {
  readonly steps: number;
  readonly rows: number;
  readonly length: number;
  readonly learningRate: number;
  readonly objective: DraftObjective;
  readonly seed: number;
}

/** Frozen weights of the base model, `[vocab, hidden]` each. */
export interface FrozenWeights {
  readonly embedding: Float32Array;
  readonly head: Float32Array;
}

export interface DraftReport {
  readonly step: number;
  readonly loss: number;
  /** For each drafted step, the share of positions where the head's first choice is the base model's. */
  readonly agreement: readonly number[];
}

export interface DraftState {
  readonly step: number;
  readonly weights: Float32Array;
  readonly moments: Moments;
}

const ADAM = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.01 };
const CLIP = 1;
const WARMUP = 0.03;
const DECAY = 0.4;

/** Trains an EAGLE head on the states of its frozen base model. */
export class DraftTrainer {
  readonly table: ParameterTable;
  readonly weights: Float32Array;
  readonly #options: DraftOptions;
  readonly #config: DraftHeadConfig;
  readonly #rows: RowSource;
  readonly #states: HiddenStates;
  readonly #frozen: FrozenWeights;
  readonly #moments: Moments;
  readonly #gradients: Float32Array;
  readonly #run: (weights: Tensors, rows: DraftRows) => [[Tensor, Tensor], Tensors];
  #step: number;

  private constructor(
    config: DraftHeadConfig,
    options: DraftOptions,
    rows: RowSource,
    states: HiddenStates,
    frozen: FrozenWeights,
    state: DraftState | undefined,
  ) {
    this.table = draftTable(config);
    this.#config = config;
    this.#options = options;
    this.#rows = rows;
    this.#states = states;
    this.#frozen = frozen;
    const { length } = this.table;
    this.weights = state?.weights ?? new Float32Array(length);
    this.#moments = state?.moments ?? { first: new Float32Array(length), second: new Float32Array(length) };
    this.#gradients = new Float32Array(length);
    this.#step = state?.step ?? 0;
    if (state === undefined) this.#initialize();
    this.#run = jit(
      valueAndGrad(((weights: Tensors, rows: DraftRows) => draftLoss(config, options.objective, weights, rows)) as never, {
        hasAux: true,
      }) as never,
    ) as never;
  }

  /** @param state where an earlier run was; its arrays are taken over */
  static async create(
    config: DraftHeadConfig,
    options: DraftOptions,
    rows: RowSource,
    states: HiddenStates,
    frozen: FrozenWeights,
    state?: DraftState,
    backend: BackendChoice = "wasm",
  ): Promise<DraftTrainer> {
    await startAutodiff(backend);
    return new DraftTrainer(config, options, rows, states, frozen, state);
  }

  get state(): DraftState {
    return { step: this.#step, weights: this.weights, moments: this.#moments };
  }

  get done(): boolean {
    return this.#step >= this.#options.steps;
  }

  /** Does one step. @throws TrainingError when the loss is not finite; the weights are then those before the step. */
  async next(): Promise<DraftReport> {
    const step = this.#step + 1;
    const { rows, steps, learningRate } = this.#options;
    const [[total, stats], grads] = this.#run(this.table.tensors(this.weights), this.#tensors(this.#rows.rows((step - 1) * rows, rows)));
    total.dispose();
    const [values] = await Promise.all([stats.data(), this.table.read(grads, this.#gradients)]);
    const [loss, ...agreement] = values as Float32Array;
    const size = norm(this.#gradients);
    if (!Number.isFinite(loss) || !Number.isFinite(size))
      throw new TrainingError(`the loss became ${loss} at step ${step}; lower --learning-rate`, { field: "loss" });
    const rate =
      learningRate *
      learningRateShare(step, { steps, warmup: Math.ceil(WARMUP * steps), decay: Math.floor(DECAY * steps), finalRatio: 0.05 });
    const groups = this.table.entries.map(({ offset, length, shape }) => ({ offset, length, rate: 1, decays: shape.length > 1 }));
    adamW(this.weights, this.#gradients, this.#moments, groups, rate, step, Math.min(1, CLIP / size), ADAM);
    this.#step = step;
    return { step, loss: loss as number, agreement };
  }

  #tensors(rows: RowArrays): DraftRows {
    const { length } = this.#options;
    const { base, headDim } = this.#config;
    const count = rows.ids.length / length;
    const shape = [count, length];
    const valid = rows.weights.map((value, i) => (i % length === length - 1 ? 0 : value));
    const vocab = [base.vocabSize, base.hiddenSize];
    return {
      hidden: tensor(this.#states.of(rows, length), [count, length, base.hiddenSize]),
      nextIds: intTensor(rows.targets, shape),
      segments: intTensor(rows.segments, shape),
      valid: tensor(valid, shape),
      follows: tensor(rows.follows, shape),
      embedding: tensor(this.#frozen.embedding, vocab),
      head: tensor(this.#frozen.head, vocab),
      ...ropeTables(length, headDim, base.ropeTheta),
    };
  }

  /** Norms 1, bias 0, fan-in scaled normal matrices; the half of fc that reads the hidden state starts as the identity. */
  #initialize(): void {
    const random = createRandom(this.#options.seed);
    const hidden = this.#config.base.hiddenSize;
    for (const entry of this.table.entries) {
      const view = this.table.view(this.weights, entry);
      if (entry.name === "fc.bias") continue;
      if (entry.shape.length === 1) view.fill(1);
      else fillNormal(view, random, 0.5 / Math.sqrt(entry.shape[1] as number));
      if (entry.name === "fc.weight") for (let i = 0; i < hidden; i++) view[i * 2 * hidden + hidden + i]! += 1;
    }
  }
}

/** All token ids, the most frequent of a corpus first, of equals the smaller id (the ranking of FR-Spec, arXiv 2502.14856). */
export function frequencyRanking(tokens: Int32Array, vocabSize: number): number[] {
  const counts = new Float64Array(vocabSize);
  for (const token of tokens) counts[token]!++;
  return Array.from({ length: vocabSize }, (_, id) => id).sort((a, b) => counts[b]! - counts[a]! || a - b);
}
