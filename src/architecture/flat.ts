import { readArchitecture, type Architecture } from "../../core/architecture.ts";
import {
  FIELD_ABSENT,
  FIELD_FLAG,
  FIELD_LIST,
  FIELD_NUMBER,
  FIELD_OTHER,
  FIELD_WORD,
  FieldReader,
  FieldSource,
} from "../../core/fields.ts";
import type { Problem } from "../../core/problem.ts";
import { ConfigError } from "../errors.ts";
import type { ModelConfig } from "./config.ts";

/** Objects in objects: a configuration has two levels. */
const MAX_DEPTH = 2;

const flat = new WeakMap<ModelConfig, Architecture>();

/** The flat form of a configuration, which core/ works with. @throws ConfigError for one that no reader of this library makes. */
export function architectureOf(config: ModelConfig): Architecture {
  let architecture = flat.get(config);
  if (architecture === undefined) {
    const { result, problem } = readFields(config, readArchitecture);
    if (problem !== null) throw problemError(problem, undefined, "config");
    flat.set(config, (architecture = result));
  }
  return architecture;
}

/** Lets core/ read the fields of an object. */
export function readFields<T>(value: object, read: (fields: FieldReader) => T): { readonly result: T; readonly problem: Problem | null } {
  const fields = new FieldReader(new ObjectFields(value));
  return { result: read(fields), problem: fields.problem };
}

/** A problem of core/ as an error. @param field what is named where several fields do not fit together */
export function problemError({ field: own, limit, text }: Problem, file: string | undefined, field: string): ConfigError {
  return new ConfigError(text, {
    ...(file === undefined ? {} : { file }),
    field: own === "" ? field : own,
    ...(Number.isNaN(limit) ? {} : { limit }),
  });
}

/** The fields of an object, nested ones as "attention.heads". */
class ObjectFields extends FieldSource {
  readonly #values = new Map<string, unknown>();

  constructor(value: object) {
    super();
    this.#add(value, "", 1);
  }

  kind(name: string): number {
    const value = this.#values.get(name);
    if (value === undefined) return FIELD_ABSENT;
    if (Array.isArray(value)) return FIELD_LIST;
    return { number: FIELD_NUMBER, string: FIELD_WORD, boolean: FIELD_FLAG }[typeof value as string] ?? FIELD_OTHER;
  }

  number(name: string): number {
    return this.#values.get(name) as number;
  }

  word(name: string): string {
    return this.#values.get(name) as string;
  }

  flag(name: string): boolean {
    return this.#values.get(name) as boolean;
  }

  list(name: string): number[] {
    return (this.#values.get(name) as unknown[]).map((element) => (typeof element === "number" ? element : NaN));
  }

  names(): string[] {
    return [...this.#values.keys()];
  }

  #add(object: object, prefix: string, depth: number): void {
    for (const [key, value] of Object.entries(object)) {
      // A key that looks like a path would hide the field of that path.
      const name = prefix + (key.includes(".") ? JSON.stringify(key) : key);
      if (typeof value === "object" && value !== null && !Array.isArray(value) && depth < MAX_DEPTH)
        this.#add(value as object, `${name}.`, depth + 1);
      else if (value !== undefined) this.#values.set(name, value);
    }
  }
}
