import type { ModelConfig } from "../../src/architecture/config.ts";
import { intTensor, jit, np, random, tensor, valueAndGrad, type Tensor, type Tensors } from "../autodiff/jax.ts";
import { totalLoss, type LearningRows, type ObjectiveOptions } from "../objectives/total.ts";
import type { RouterNoise } from "../routers/routing.ts";
import type { ParameterTable } from "./parameters.ts";
import { ropeDim } from "./forward.ts";
import { ropeTables } from "./rope.ts";

/** Token rows as plain arrays, `[rows * length]` each; see `LearningRows`. */
export interface RowArrays {
  readonly ids: Int32Array;
  readonly targets: Int32Array;
  readonly weights: Float32Array;
  readonly segments: Int32Array;
  readonly follows: Float32Array;
}

/** What one pass over some rows needs besides the weights. Plain data: it may go to a worker. */
export interface PassInput {
  readonly rows: RowArrays;
  /** One for each of `AUXILIARIES`. */
  readonly factors: readonly number[];
  /** Seeds the routers' random draws. */
  readonly seed: number;
}

/** A model whose loss and gradients are computed for rows of one shape; compiled at the first call. */
export class CompiledModel {
  readonly #config: ModelConfig;
  readonly #table: ParameterTable;
  readonly #shape: readonly [number, number];
  readonly #run: (weights: Tensors, rows: LearningRows, seed: Tensor) => [[Tensor, Tensor], Tensors];

  /** @param shape rows and their length. The autodiff library must be started. */
  constructor(config: ModelConfig, options: ObjectiveOptions, table: ParameterTable, shape: readonly [number, number]) {
    this.#config = config;
    this.#table = table;
    this.#shape = shape;
    const draws = drawsOf(config);
    const loss = (weights: Tensors, rows: LearningRows, seed: Tensor): [Tensor, Tensor] =>
      totalLoss(config, options, weights, rows, draws === 0 ? undefined : new Draws(seed, draws));
    this.#run = jit(valueAndGrad(loss as never, { hasAux: true }) as never) as never;
  }

  /** Statistics (`STATS`) and gradients; these are written to `gradients`, all weights flat. */
  async gradients(weights: Float32Array, input: PassInput, gradients: Float32Array): Promise<Float32Array> {
    const [[total, stats], grads] = this.#run(this.#table.tensors(weights), this.#rows(input), np.array(input.seed, { dtype: np.uint32 }));
    total.dispose();
    const [values] = await Promise.all([stats.data(), this.#table.read(grads, gradients)]);
    return values as Float32Array;
  }

  #rows({ rows, factors }: PassInput): LearningRows {
    const shape = this.#shape;
    return {
      ids: intTensor(rows.ids, shape),
      targets: intTensor(rows.targets, shape),
      segments: intTensor(rows.segments, shape),
      weights: tensor(rows.weights, shape),
      follows: tensor(rows.follows, shape),
      factors: tensor(Float32Array.from(factors), [factors.length]),
      ...ropeTables(shape[1], ropeDim(this.#config), this.#config.ropeTheta),
    };
  }
}

/** Random draws of a pass: two a pick. */
function drawsOf({ ffn, layers }: ModelConfig): number {
  return ffn.kind === "experts" && ffn.router === "sparse_mixer" ? 2 * layers * ffn.topK : 0;
}

class Draws implements RouterNoise {
  readonly #keys: Tensor;
  #next = 0;

  constructor(seed: Tensor, count: number) {
    this.#keys = random.split(random.key(seed), count);
  }

  key(): Tensor {
    return this.#keys.ref.slice(this.#next++);
  }
}
