import { describe, expect, it } from "vitest";
import { passes, type Check } from "../../src/suite/checks.ts";
import { INSTRUCTIONS } from "../../src/suite/instructions.ts";
import { loops } from "../../src/suite/loops.ts";

describe("checks of answers", () => {
  const cases: readonly (readonly [string, Check, string, string])[] = [
    ["whole words, whatever their case", { anyOf: ["odd"] }, "Seven is ODD.", "It is an oddity."],
    ["all of them", { allOf: ["apples", "bananas"] }, "Bananas and apples", "apples"],
    ["none of them", { noneOf: ["big house"] }, "The large house", "The big house"],
    ["expressions", { matches: "\\b60\\b|sixty" }, "There are sixty.", "There are 600."],
    ["words", { words: [2, 3] }, "one two three", "one"],
    ["lines", { lines: [1, 1] }, "one\n\n", "one\ntwo"],
    ["items of a list", { items: [3, 3] }, "Sure:\n1. a\n2) b\n- c", "1. a\n2. b\n3. c\n4. d"],
    ["capital letters", { upperCase: true }, "HELLO 1", "HELLo"],
    ["small letters", { lowerCase: true }, "hello", "Hello"],
    ["JSON in a code block", { jsonKeys: ["name", "age"] }, '```json\n{ "name": "A", "age": 3 }\n```', '{ "name": "A" }'],
    ["JSON that does not parse", { jsonKeys: ["name"] }, '{ "name": null }', "{ name: 1 }"],
  ];
  it.each(cases)("%s", (_, check, right, wrong) => {
    expect(passes(right, check)).toBe(true);
    expect(passes(wrong, check)).toBe(false);
    expect(passes("  \n", check)).toBe(false);
  });

  it("are 30, each of its own, and no empty answer or echo of the question passes a check of arithmetic", () => {
    expect(new Set(INSTRUCTIONS.map(({ prompt }) => prompt)).size).toBe(30);
    for (const { prompt, check, kind } of INSTRUCTIONS) {
      expect(Object.keys(check).length, prompt).toBeGreaterThan(0);
      expect(passes("", check), prompt).toBe(false);
      expect(passes("I don't know.", check), prompt).toBe(false);
      if (kind === "arithmetic") expect(passes(prompt, check), prompt).toBe(false);
    }
  });
});

describe("loops", () => {
  const repeat = (span: readonly number[], times: number): number[] => Array.from({ length: times }, () => span).flat();
  it("are spans back to back, three times and over 24 tokens", () => {
    expect(loops(repeat([7], 24))).toBe(true);
    expect(loops(repeat([7], 23))).toBe(false);
    expect(loops([1, 2, 3, ...repeat([4, 5, 6, 7, 8, 9, 10, 11], 3), 12])).toBe(true);
    expect(loops(repeat([4, 5, 6, 7, 8, 9, 10, 11, 12, 13], 2))).toBe(false);
    expect(
      loops(
        repeat(
          Array.from({ length: 50 }, (_, i) => i),
          3,
        ),
      ),
    ).toBe(true);
    expect(
      loops(
        repeat(
          Array.from({ length: 51 }, (_, i) => i),
          3,
        ),
      ),
    ).toBe(false);
    expect(loops(Array.from({ length: 300 }, (_, i) => i))).toBe(false);
  });
});
