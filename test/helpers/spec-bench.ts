import { readFileSync } from "node:fs";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import { sharedPath } from "./shared.ts";

/** The first turns of Spec-Bench questions, evenly over the file and so over its categories, cut to so many tokens. */
export function specBenchPrompts(tokenizer: Tokenizer, count: number, maxTokens: number): Uint32Array[] {
  const lines = readFileSync(sharedPath("text/spec_bench.jsonl"), "utf8").trim().split("\n");
  return Array.from({ length: count }, (_, i) => {
    const { turns } = JSON.parse(lines[Math.floor((i * lines.length) / count)]!) as { turns: string[] };
    return tokenizer.encode(turns[0]!).subarray(0, maxTokens);
  });
}
