import { ConfigError } from "../../src/errors.ts";
import { parseJson } from "../../src/format/hf/config.ts";
import { check } from "../../src/format/hf/schema.ts";
import { checkDeco } from "./deco.ts";
import { TrainConfigSchema, type TrainConfig } from "./schema.ts";

/** Reads a training configuration. @throws ConfigError with file, field and what does not fit. */
export function parseTrainConfig(json: string | Uint8Array, file: string): TrainConfig {
  return checkTrainConfig(parseJson(json, file), file);
}

/** Checks a configuration that is an object already. @throws ConfigError as `parseTrainConfig`. */
export function checkTrainConfig(value: object, file: string): TrainConfig {
  const config = check(TrainConfigSchema, value, file);
  const { batch, schedule, objectives, model } = config;
  const fail = (field: string, message: string): never => {
    throw new ConfigError(message, { file, field });
  };
  const rowsPerPass = batch.rowsPerPass ?? batch.rows;
  if (batch.rows % rowsPerPass !== 0) fail("batch.rowsPerPass", `${rowsPerPass} does not divide the ${batch.rows} rows of a step`);
  if (batch.length > model.context) fail("batch.length", `is ${batch.length}, longer than model.context, ${model.context}`);
  if (schedule.warmup + schedule.decay > schedule.steps) {
    fail("schedule", `${schedule.warmup} steps of warmup and ${schedule.decay} of decay are more than the ${schedule.steps} steps`);
  }
  const { chunk } = objectives;
  if (chunk !== undefined && (rowsPerPass * batch.length) % chunk.length !== 0) {
    fail("objectives.chunk.length", `${chunk.length} does not divide the ${rowsPerPass * batch.length} tokens of a pass`);
  }
  if (chunk !== undefined && batch.length % chunk.length !== 0)
    fail("objectives.chunk.length", `${chunk.length} does not divide batch.length, ${batch.length}`);
  for (const name of ["chunk", "l1", "entropy"] as const) {
    const adaptive = objectives[name]?.adaptive;
    if (adaptive === undefined) continue;
    if (adaptive.stable < 2 * adaptive.step)
      fail(`objectives.${name}.adaptive.stable`, `is ${adaptive.stable}; two windows of step, ${adaptive.step}, must come first`);
    if (adaptive.warmup > adaptive.stable)
      fail(`objectives.${name}.adaptive.warmup`, `is ${adaptive.warmup}, more than stable, ${adaptive.stable}`);
  }
  const { entropy } = objectives;
  if (entropy?.target !== undefined) {
    if (entropy.adaptive !== undefined) fail("objectives.entropy.target", "and adaptive both set the factor; give one of them");
    const zero = "is 0, which no multiplier changes; the target needs a factor to start from, such as 1e-8";
    if (entropy.weight === 0) fail("objectives.entropy.weight", zero);
  }
  checkDeco(model, objectives, file);
  if (model.router === "dense" && Object.values(objectives).some((objective) => objective !== undefined)) {
    fail("objectives", "are about experts; a dense model has none");
  }
  if (config.workers > batch.rows / rowsPerPass) {
    fail(
      "workers",
      `${config.workers} workers for ${batch.rows / rowsPerPass} passes a step: lower batch.rowsPerPass, so that each has one`,
    );
  }
  return config;
}
