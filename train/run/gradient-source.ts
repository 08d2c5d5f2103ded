import type { ModelConfig } from "../../src/architecture/config.ts";
import { startAutodiff, type BackendChoice } from "../autodiff/jax.ts";
import { CompiledModel, type PassInput } from "../model/gradients.ts";
import { ParameterTable } from "../model/parameters.ts";
import type { ObjectiveOptions } from "../objectives/total.ts";

/** What is compiled: plain data, so that it can go to a worker. */
export interface ModelTask {
  readonly config: ModelConfig;
  readonly objectives: ObjectiveOptions;
  /** Rows of a pass and their length. */
  readonly shape: readonly [number, number];
}

export interface PassOutput {
  /** In the order of STATS. */
  readonly stats: Float32Array;
  /** All weights' gradients, flat; valid until the lane's next pass. */
  readonly gradients: Float32Array;
}

/** Computes gradients; the lanes of one source may work at the same time. */
export interface GradientSource {
  readonly lanes: number;
  /** The flat weights that all lanes read. Nobody writes them while a pass runs. */
  readonly weights: Float32Array;
  compute(lane: number, input: PassInput): Promise<PassOutput>;
  dispose(): Promise<void>;
}

/** A source of one lane that computes where it is called. @throws LimitError as `startAutodiff`. */
export async function localGradients(task: ModelTask, backend: BackendChoice = "wasm"): Promise<GradientSource> {
  await startAutodiff(backend);
  const { weights, pass } = compileTask(task);
  return { lanes: 1, weights, compute: (_lane, input) => pass(input), dispose: async () => {} };
}

/** Compiles a task for the started backend; the weights are `weights` or new ones, the gradients `gradients` or new ones. */
export function compileTask(
  task: ModelTask,
  weights?: Float32Array,
  gradients?: Float32Array,
): { weights: Float32Array; pass: (input: PassInput) => Promise<PassOutput> } {
  const table = ParameterTable.of(task.config);
  const model = new CompiledModel(task.config, task.objectives, table, task.shape);
  const own = weights ?? new Float32Array(table.length);
  const out = gradients ?? new Float32Array(table.length);
  return { weights: own, pass: async (input) => ({ stats: await model.gradients(own, input, out), gradients: out }) };
}
