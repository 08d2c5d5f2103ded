import * as v from "valibot";
import { ConfigError } from "../../src/errors.ts";
import { parseJson } from "../../src/format/hf/config.ts";
import { check, show } from "../../src/format/hf/schema.ts";
import { checkTrainConfig } from "../config/parse.ts";
import type { TrainConfig } from "../config/schema.ts";

const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9+._ -]{0,63}$/;
const CompareSchema = v.looseObject({
  runs: v.pipe(
    v.array(
      v.looseObject({
        name: v.pipe(v.string("must be a name"), v.regex(PLAIN_NAME, "must be letters, digits, spaces and + . _ - (it names a folder)")),
        model: v.optional(v.looseObject({})),
        objectives: v.optional(v.looseObject({})),
      }),
      "must be a list of runs",
    ),
    v.nonEmpty("must hold at least one run"),
  ),
});

/** One row of a comparison. */
export interface ComparedRun {
  readonly name: string;
  /** Its folder inside the comparison's. */
  readonly folder: string;
  readonly config: TrainConfig;
}

/**
 * Reads a comparison: a training configuration whose `runs` each change the model and set their own objectives. Data, steps, seed and
 * sizes are those of the file, so that the runs differ in nothing else.
 * @throws ConfigError with file, field and what does not fit.
 */
export function parseCompareConfig(
  json: string | Uint8Array,
  file: string,
): { readonly out: string; readonly base: TrainConfig; readonly runs: readonly ComparedRun[] } {
  const fields = parseJson(json, file) as Record<string, unknown>;
  const { runs, ...rest } = check(CompareSchema, fields, file);
  const shared = rest as Record<string, unknown>;
  if (shared["objectives"] !== undefined) throw new ConfigError("belong into each of the runs", { file, field: "objectives" });
  const names = new Set<string>();
  const compared = runs.map((run, i): ComparedRun => {
    const where = `${file}: runs.${i}`;
    const { name, model = {}, objectives = {}, ...unknown } = run;
    const extra = Object.keys(unknown)[0];
    if (extra !== undefined)
      throw new ConfigError("is not a setting of a run; there are name, model and objectives", { file: where, field: extra });
    const folder = name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
    if (names.has(folder)) throw new ConfigError(`${show(name)} is there twice`, { file: where, field: "name" });
    names.add(folder);
    return {
      name,
      folder,
      config: checkTrainConfig({ ...shared, objectives, model: { ...(shared["model"] as object), ...model } }, where),
    };
  });
  const base = (compared[0] as ComparedRun).config;
  if (base.data.valid === undefined)
    throw new ConfigError("is needed: perplexity and sparsity are measured on it", { file, field: "data.valid" });
  return { out: base.out, base, runs: compared };
}
