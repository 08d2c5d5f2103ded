import { describe, expect, it } from "vitest";
import { STORY_PROMPTS } from "../../bench/modes/prompts.ts";
import { parsePrompts } from "../../src/suite/spec-bench.ts";
import { FormatError, UsageError } from "../../src/errors.ts";

const line = (id: number, category: string): string => JSON.stringify({ question_id: id, category, turns: [`prompt ${id}`, "second"] });

describe("prompts of modes", () => {
  it("the built-in ones have several of each kind, and ids of their own", () => {
    const kinds = new Map<string, number>();
    for (const { category } of STORY_PROMPTS) kinds.set(category, (kinds.get(category) ?? 0) + 1);
    expect([...kinds.values()].every((count) => count >= 2)).toBe(true);
    expect(kinds.size).toBeGreaterThanOrEqual(4);
    expect(new Set(STORY_PROMPTS.map(({ question_id }) => question_id)).size).toBe(STORY_PROMPTS.length);
    expect(parsePrompts(STORY_PROMPTS.map((prompt) => JSON.stringify(prompt)).join("\n"), "x")).toEqual(STORY_PROMPTS);
  });

  it("reads Spec-Bench's format, counts MT-bench's kinds as one, keeps the first of each", () => {
    const text = [line(81, "writing"), line(82, "math"), "", line(83, "coding"), line(300, "translation"), line(301, "translation")].join(
      "\n",
    );
    expect(parsePrompts(text, "f", 2).map(({ question_id, category }) => [question_id, category])).toEqual([
      [81, "conversation"],
      [82, "conversation"],
      [300, "translation"],
      [301, "translation"],
    ]);
    expect(parsePrompts(text, "f", 1).map(({ question_id }) => question_id)).toEqual([81, 300]);
    expect(parsePrompts(text, "f")[0]?.turns).toEqual(["prompt 81", "second"]);
  });

  it("names the line that is wrong", () => {
    for (const bad of [
      "{",
      "[]",
      "1",
      JSON.stringify({ question_id: "1", category: "a", turns: ["x"] }),
      JSON.stringify({ question_id: 1, category: "a", turns: [] }),
      JSON.stringify({ question_id: 1, category: "", turns: ["x"] }),
      JSON.stringify({ question_id: 1, category: "a", turns: [""] }),
    ]) {
      expect(() => parsePrompts(`${line(1, "a")}\n${bad}\n`, "my.jsonl")).toThrow(FormatError);
      expect(() => parsePrompts(`${line(1, "a")}\n${bad}\n`, "my.jsonl")).toThrow(/my\.jsonl: line 2/);
    }
    expect(() => parsePrompts("\n \n", "my.jsonl")).toThrow(UsageError);
  });
});
