import type { BenchPrompt } from "./spec-bench.ts";

/** The first `count` prompts with the categories in turns: all kinds are there, however few are taken. */
export function spread(prompts: readonly BenchPrompt[], count: number): BenchPrompt[] {
  const byCategory = grouped(prompts);
  const taken: BenchPrompt[] = [];
  for (let round = 0; taken.length < Math.min(count, prompts.length); round++) {
    for (const list of byCategory.values()) {
      const prompt = list[round];
      if (prompt !== undefined && taken.length < count) taken.push(prompt);
    }
  }
  return taken;
}

function grouped(prompts: readonly BenchPrompt[]): Map<string, BenchPrompt[]> {
  const groups = new Map<string, BenchPrompt[]>();
  for (const prompt of prompts) {
    const list = groups.get(prompt.category);
    if (list === undefined) groups.set(prompt.category, [prompt]);
    else list.push(prompt);
  }
  return groups;
}
