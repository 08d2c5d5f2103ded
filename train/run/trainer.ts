import { createRandom } from "../../src/decode/sampling/rng.ts";
import { TrainingError } from "../../src/errors.ts";
import { expertLayers, type ModelConfig } from "../../src/architecture/config.ts";
import { decoSettings } from "../config/deco.ts";
import type { TrainConfig } from "../config/schema.ts";
import type { RowSource } from "../data/rows.ts";
import { initialWeights, parameterGroups } from "../model/initial.ts";
import { ParameterTable, type Parameter } from "../model/parameters.ts";
import { AUXILIARIES, hasExpertBias, STATS } from "../objectives/total.ts";
import { adamW, norm, type Moments, type ParameterGroup } from "../optimizer/adamw.ts";
import { learningRateShare } from "../optimizer/learning-rate.ts";
import { updateExpertBias } from "../routers/expert-bias.ts";
import { Factors, type FactorsState } from "./factors.ts";
import type { GradientSource } from "./gradient-source.ts";

/** A run between two steps: with the configuration and the texts, all that the next steps depend on. */
export interface TrainerState {
  /** Steps done. */
  readonly step: number;
  readonly factors: FactorsState;
  readonly weights: Float32Array;
  readonly moments: Moments;
}

/** What a step did: means over its rows, before its update. */
export interface StepReport {
  readonly step: number;
  /** Tokens seen so far. */
  readonly tokens: number;
  /** Mean negative log-likelihood of a token, in nats. */
  readonly loss: number;
  /** Objectives before their factors, and the factors; only those that the configuration asks for. */
  readonly objectives: Readonly<Record<string, number>>;
  readonly factors: Readonly<Record<string, number>>;
  /** Share of experts that a token does not use, and that 8 consecutive tokens do not use; null for dense models. */
  readonly tls: number | null;
  readonly cls8: number | null;
  readonly learningRate: number;
  /** Before clipping. */
  readonly gradientNorm: number;
}

/** The training loop's inside: rows to gradients to AdamW. The order of all sums is fixed, whatever the number of lanes. */
export class Trainer {
  readonly table: ParameterTable;
  readonly #config: TrainConfig;
  readonly #dense: boolean;
  /** Biases that are moved after each step, in the order of the layers; none for most routers. */
  readonly #biases: readonly Parameter[];
  readonly #biasRate: number;
  readonly #rows: RowSource;
  readonly #source: GradientSource;
  readonly #groups: readonly ParameterGroup[];
  readonly #moments: Moments;
  readonly #sum: Float32Array;
  readonly #factors: Factors;
  #step: number;

  constructor(config: TrainConfig, model: ModelConfig, rows: RowSource, source: GradientSource, state?: TrainerState) {
    this.#config = config;
    this.#dense = model.ffn.kind === "dense";
    this.#rows = rows;
    this.#source = source;
    this.table = ParameterTable.of(model);
    this.#biases = hasExpertBias(model) ? expertLayers(model).map((layer) => this.table.find(`model.layers.${layer}.mlp.expert_bias`)) : [];
    this.#biasRate = decoSettings(config.model, "model.deco").moe_router_bias_update_rate;
    this.#groups = parameterGroups(this.table, config.model);
    const { length } = this.table;
    this.#sum = new Float32Array(length);
    this.#moments = { first: new Float32Array(length), second: new Float32Array(length) };
    this.#factors = new Factors(config, state?.factors);
    this.#step = state?.step ?? 0;
    if (state === undefined) {
      initialWeights(this.table, config.model, createRandom(config.seed), source.weights);
    } else {
      source.weights.set(state.weights);
      this.#moments.first.set(state.moments.first);
      this.#moments.second.set(state.moments.second);
    }
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  get done(): boolean {
    return this.#step >= this.#config.schedule.steps;
  }

  /** Views, not copies: valid until the next step. */
  get state(): TrainerState {
    return { step: this.#step, factors: this.#factors.state, weights: this.#source.weights, moments: this.#moments };
  }

  /**
   * Does one step.
   * @throws TrainingError when the loss or a gradient is not finite; the weights are then those before the step.
   */
  async next(): Promise<StepReport> {
    const step = this.#step + 1;
    const { batch, optimizer, schedule } = this.#config;
    const factors = this.#factors.at(step);
    const stats = await this.#gradients(step, factors);
    const loss = stats[0]!;
    const gradientNorm = norm(this.#sum);
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      const what = Number.isFinite(loss) ? "a gradient" : "the loss";
      throw new TrainingError(
        `${what} became ${Number.isFinite(loss) ? gradientNorm : loss} at step ${step}; lower optimizer.learningRate (or an ` +
          `objective's weight), then go on from the last checkpoint`,
        { field: "loss" },
      );
    }
    const learningRate = optimizer.learningRate * learningRateShare(step, schedule);
    adamW(
      this.#source.weights,
      this.#sum,
      this.#moments,
      this.#groups,
      learningRate,
      step,
      Math.min(1, optimizer.clip / gradientNorm),
      optimizer,
    );
    this.#balance(stats.slice(STATS.length));
    this.#step = step;
    this.#factors.after(step, stats.slice(1), stats[STATS.indexOf("active")]!);
    const wanted = AUXILIARIES.map((name, i) => [name, i] as const).filter(([name]) => this.#config.objectives[name] !== undefined);
    return {
      step,
      tokens: step * batch.rows * batch.length,
      loss,
      objectives: Object.fromEntries(wanted.map(([name, i]) => [name, stats[1 + i]!])),
      factors: Object.fromEntries(wanted.map(([name, i]) => [name, factors[i]!])),
      tls: this.#dense ? null : 1 - stats[STATS.indexOf("active")]!,
      cls8: this.#dense ? null : 1 - stats[STATS.indexOf("activeInChunk")]!,
      learningRate,
      gradientNorm,
    };
  }

  /** @param load tokens of a mean pass that used each expert, layer for layer */
  #balance(load: readonly number[]): void {
    const passes = this.#config.batch.rows / (this.#config.batch.rowsPerPass ?? this.#config.batch.rows);
    let at = 0;
    for (const entry of this.#biases) {
      const tokens = load.slice(at, (at += entry.length)).map((mean) => Math.round(mean * passes));
      updateExpertBias(this.table.view(this.#source.weights, entry), tokens, this.#biasRate);
    }
  }

  /** Averages the passes of a step into `#sum`, in their order; gives the mean statistics. */
  async #gradients(step: number, factors: readonly number[]): Promise<number[]> {
    const { batch, seed } = this.#config;
    const rowsPerPass = batch.rowsPerPass ?? batch.rows;
    const passes = batch.rows / rowsPerPass;
    const stats: number[] = [];
    const source = this.#source;
    for (let first = 0; first < passes; first += source.lanes) {
      const wave = Array.from({ length: Math.min(source.lanes, passes - first) }, (_, lane) => {
        const pass = (step - 1) * passes + first + lane;
        return source.compute(lane, {
          rows: this.#rows.rows(pass * rowsPerPass, rowsPerPass),
          factors,
          seed: (Math.imul(seed, 0x9e3779b1) + pass) >>> 0,
        });
      });
      for (const [lane, output] of (await Promise.all(wave)).entries()) {
        add(this.#sum, output.gradients, 1 / passes, first + lane === 0);
        output.stats.forEach((value, i) => (stats[i] = (stats[i] ?? 0) + value / passes));
      }
    }
    return stats;
  }
}

function add(sum: Float32Array, values: Float32Array, factor: number, first: boolean): void {
  if (first) for (let i = 0; i < sum.length; i++) sum[i] = values[i]! * factor;
  else for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + values[i]! * factor;
}
