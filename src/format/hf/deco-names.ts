import type { Activation, ExpertFfn } from "../../architecture/config.ts";

// What DECO's configurations call functions and norms; `null` is the name of none.

export const ACTIVATIONS = {
  relu: "relu",
  silu: "silu",
  gelu: "gelu",
  sqrelu: "relu_squared",
  sigmoid: "sigmoid",
  null: "none",
} as const satisfies Readonly<Record<string, Activation>>;
/** SiLU behind a norm of the expert's own. */
export const NORMED = { norm_silu: "mean_rms", norm_silu_nomean: "rms", norm_silu_norms: "mean" } as const satisfies Readonly<
  Record<string, ExpertFfn["expertNorm"]>
>;
export const ROUTER_NORMS = { simple: "scale", rms: "rms", normal: "standard", null: "none" } as const satisfies Readonly<
  Record<string, ExpertFfn["routerNorm"]>
>;

/** The names of a table, as a list that keeps their types. */
export function namesOf<T extends string>(table: Readonly<Record<T, unknown>>): readonly T[] {
  return Object.keys(table) as T[];
}

/** What a table says of a name, null being the name "null". */
export function named<V>(table: Readonly<Record<string, V>>, name: string | null): V | undefined {
  return table[String(name)];
}
