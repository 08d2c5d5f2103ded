import * as v from "valibot";
import { Limits } from "../../../core/limits.ts";
import { positive } from "./schema.ts";

const base = v.nullish(positive(Limits.ropeTheta));
const type = v.nullish(v.literal("default", 'only "default" is supported'));
const Parameters = v.looseObject({ type, rope_type: type, rope_theta: base }, "must be null or an object");
type Parameters = v.InferOutput<typeof Parameters>;

/** What asks for scaled frequencies, and without a type leaves open which. */
const SCALED = ["factor", "short_factor", "long_factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"];

/** Where a configuration may name RoPE's base: older files at the top, newer ones in `rope_parameters`, some in `rope_scaling`. */
export const ROPE_FIELDS = {
  rope_theta: base,
  rope_scaling: v.nullish(
    v.pipe(
      Parameters,
      v.check(
        (fields) => (fields.rope_type ?? fields.type) === "default" || SCALED.every((key) => !(key in fields)),
        'must be null or of type "default": RoPE scaling is not supported',
      ),
    ),
  ),
  rope_parameters: v.nullish(Parameters),
};

/**
 * RoPE's base, as `convert_rope_params_to_dict` of transformers 5 finds it: `rope_scaling`, unless empty, stands for `rope_parameters`,
 * and what is in there goes before `rope_theta` beside it. undefined when nothing names one.
 */
export function ropeThetaOf(fields: {
  readonly rope_theta?: number | null | undefined;
  readonly rope_scaling?: Parameters | null | undefined;
  readonly rope_parameters?: Parameters | null | undefined;
}): number | undefined {
  const { rope_scaling: scaling, rope_parameters: parameters, rope_theta: theta } = fields;
  const used = scaling !== null && scaling !== undefined && Object.keys(scaling).length > 0 ? scaling : parameters;
  return used?.rope_theta ?? theta ?? undefined;
}
