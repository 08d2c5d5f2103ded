import * as v from "valibot";
import { Limits } from "../../../core/limits.ts";
import type { RopeScaling } from "../../architecture/config.ts";
import { ConfigError } from "../../errors.ts";
import { positive, size } from "./schema.ts";

const base = v.nullish(positive(Limits.ropeTheta));
const type = v.nullish(v.picklist(["default", "linear", "llama3"], 'must be "default", "linear" or "llama3"'));
const number = v.nullish(positive(Limits.scale));
const context = v.nullish(size(Limits.contextLength));
const Parameters = v.looseObject(
  {
    type,
    rope_type: type,
    rope_theta: base,
    factor: number,
    low_freq_factor: number,
    high_freq_factor: number,
    original_max_position_embeddings: context,
  },
  "must be null or an object",
);
type Parameters = v.InferOutput<typeof Parameters>;

/** What asks for scaled frequencies, and without a type leaves open which. */
const SCALED = ["factor", "short_factor", "long_factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"];

/** Where RoPE's base and scaling may be named: in older files at the top, in newer ones in `rope_parameters`, in some in `rope_scaling`. */
export const ROPE_FIELDS = {
  rope_theta: base,
  original_max_position_embeddings: context,
  rope_scaling: v.nullish(
    v.pipe(
      Parameters,
      v.check(
        (fields) => (fields.rope_type ?? fields.type ?? undefined) !== undefined || SCALED.every((key) => !(key in fields)),
        "must be null or say its rope_type",
      ),
    ),
  ),
  rope_parameters: v.nullish(Parameters),
};

export interface RopeFields {
  readonly rope_theta?: number | null | undefined;
  readonly original_max_position_embeddings?: number | null | undefined;
  readonly rope_scaling?: Parameters | null | undefined;
  readonly rope_parameters?: Parameters | null | undefined;
}

/**
 * RoPE's base, as `convert_rope_params_to_dict` of transformers 5 finds it: `rope_scaling`, unless empty, stands for `rope_parameters`,
 * and what is in there goes before `rope_theta` beside it. undefined when nothing names one.
 */
export function ropeThetaOf(fields: RopeFields): number | undefined {
  return used(fields)?.[1].rope_theta ?? fields.rope_theta ?? undefined;
}

/**
 * RoPE's scaling, likewise; undefined for none.
 * @param contextLength max_position_embeddings, which stands for an original length that nothing names
 * @throws ConfigError for a number that is missing, or numbers that do not go together
 */
export function ropeScalingOf(fields: RopeFields, contextLength: number, file: string): RopeScaling | undefined {
  const [place, parameters] = used(fields) ?? [];
  const kind = parameters?.rope_type ?? parameters?.type;
  if (parameters === undefined || kind === undefined || kind === null || kind === "default") return undefined;
  const take = (field: "factor" | "low_freq_factor" | "high_freq_factor"): number => {
    const value = parameters[field];
    if (value === undefined || value === null)
      throw new ConfigError(`is missing; ${kind} scaling needs it`, { file, field: `${place}.${field}` });
    return value;
  };
  const factor = take("factor");
  if (kind === "linear") return { kind, factor };
  const [low, high] = [take("low_freq_factor"), take("high_freq_factor")];
  if (high <= low) throw new ConfigError("must be above low_freq_factor", { file, field: `${place}.high_freq_factor` });
  const original = fields.original_max_position_embeddings ?? parameters.original_max_position_embeddings ?? contextLength;
  return { kind, factor, low, high, original };
}

/** The object that counts, and its name. */
function used({ rope_scaling: scaling, rope_parameters: parameters }: RopeFields): readonly [string, Parameters] | undefined {
  if (scaling !== null && scaling !== undefined && Object.keys(scaling).length > 0) return ["rope_scaling", scaling];
  return parameters === null || parameters === undefined ? undefined : ["rope_parameters", parameters];
}
