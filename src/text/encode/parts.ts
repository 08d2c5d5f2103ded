import * as v from "valibot";
import { TokenizerError } from "../../errors.ts";
import { check, schemas } from "../schema.ts";
import type { TypedPart } from "../schema.ts";

/** Steps of one part of tokenizer.json, those of nested sequences counted together. */
const MAX_STEPS = 32;

const Steps = v.pipe(v.array(v.nullable(schemas.Part)), v.maxLength(MAX_STEPS));

/** The steps of a Sequence with their field names. */
export function steps(value: unknown, file: string, field: string): [TypedPart, string][] {
  return check(Steps, value, file, field).flatMap((step, i) => (step === null ? [] : [[step, `${field}.${i}`] as [TypedPart, string]]));
}

/** The steps of a part in order, its sequences laid flat. @param key where a Sequence keeps its steps */
export function flatSteps(part: TypedPart, key: string, file: string, field: string): [TypedPart, string][] {
  if (part.type !== "Sequence") return [[part, field]];
  const flat = steps(part[key], file, `${field}.${key}`).flatMap(([step, where]) => flatSteps(step, key, file, where));
  if (flat.length > MAX_STEPS)
    throw new TokenizerError(`has ${flat.length} steps; the limit is ${MAX_STEPS}`, { file, field, limit: MAX_STEPS });
  return flat;
}

/** Whether a part is, or holds, a step of one of these types. */
export function hasStep(part: TypedPart, ...types: readonly string[]): boolean {
  const inner = part.type === "Sequence" ? [part["normalizers"], part["pretokenizers"]].flat() : [];
  return (
    types.includes(part.type) || inner.some((step) => typeof step === "object" && step !== null && hasStep(step as TypedPart, ...types))
  );
}

export function unsupported(type: string, file: string, field: string): TokenizerError {
  return new TokenizerError(`the type ${JSON.stringify(type.slice(0, 40))} is not supported`, { file, field: `${field}.type` });
}
