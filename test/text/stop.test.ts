import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { createStopMatcher } from "../../src/text/stop.ts";

/** Where the text ends, by looking at every end and every stop string. */
function expected(text: string, stops: readonly string[]): { text: string; stop: string | undefined } {
  for (let end = 1; end <= text.length; end++) {
    const ending = stops.filter((stop) => text.slice(0, end).endsWith(stop)).sort((a, b) => b.length - a.length)[0];
    if (ending !== undefined) return { text: text.slice(0, end - ending.length), stop: ending };
  }
  return { text, stop: undefined };
}

function run(pieces: readonly string[], stops: readonly string[]): { text: string; stop: string | undefined } {
  const matcher = createStopMatcher(stops);
  let text = "";
  for (const piece of pieces) text += matcher.push(piece);
  expect(matcher.stopped).toBe(matcher.stop !== undefined);
  return { text: text + matcher.flush(), stop: matcher.stop };
}

describe("stop strings", () => {
  it("are found wherever the pieces end", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 4 }), { maxLength: 12 }),
        fc.array(letters, { maxLength: 4 }),
        (pieces, stops) => {
          expect(run(pieces, stops)).toEqual(expected(pieces.join(""), stops));
        },
      ),
      { numRuns: 5000, seed: 8 },
    );
  });

  it("are never shown in part, and hold back no more than they must", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 10 }), fc.array(letters, { minLength: 1, maxLength: 3 }), (pieces, stops) => {
        const matcher = createStopMatcher(stops);
        let all = "";
        let shown = "";
        for (const piece of pieces) {
          all += piece;
          shown += matcher.push(piece);
          if (matcher.stopped) {
            expect(shown).toBe(expected(all, stops).text);
            return;
          }
          const held = all.slice(shown.length);
          expect(all).toBe(shown + held);
          const starts = stops.flatMap((stop) => Array.from({ length: stop.length }, (_, n) => stop.slice(0, n)));
          expect(held).toBe(starts.filter((start) => all.endsWith(start)).sort((a, b) => b.length - a.length)[0]);
        }
      }),
      { numRuns: 3000, seed: 9 },
    );
  });

  it.each([
    [["abcabcabd"], ["abcabd"], "abc", "abcabd"],
    [["The end", ".", "\n\nHuman", ": x"], ["\n\nHuman:", "\n\nAI:"], "The end.", "\n\nHuman:"],
    [["xabcd"], ["abcd", "bc"], "xa", "bc"],
    [["xab"], ["b", "ab"], "x", "ab"],
    [["é😀", "😁"], ["😁"], "é😀", "😁"],
  ])("%j with %j", (pieces, stops, text, stop) => expect(run(pieces, stops)).toEqual({ text, stop }));

  it("end the text: nothing comes after", () => {
    const matcher = createStopMatcher(["X"]);
    expect(matcher.push("aXb")).toBe("a");
    expect(matcher.push("cX")).toBe("");
    expect(matcher.flush()).toBe("");
  });

  it("may be none", () => expect(run(["a", "b"], [])).toEqual({ text: "ab", stop: undefined }));

  it.each([
    [["a", ""], "stop.1"],
    [["\ud83d"], "stop.0"],
    [["x".repeat(4097)], "stop.0"],
    [Array.from({ length: 65 }, () => "x"), "stop"],
    [[5 as unknown as string], "stop.0"],
  ])("are checked: %#", (stops, field) => {
    expect(() => createStopMatcher(stops)).toThrow(UsageError);
    expect(() => createStopMatcher(stops)).toThrow(expect.objectContaining({ field }) as Error);
  });
});

describe("stop strings that spell out special tokens", () => {
  const names: Readonly<Record<string, number>> = { "<x>": 1, "<xy>": 2 };
  const specials = {
    specialAt: (text: string, at: number) => {
      const name = Object.keys(names)
        .filter((one) => text.startsWith(one, at))
        .sort((a, b) => b.length - a.length)[0];
      return name === undefined ? undefined : { id: names[name]!, length: name.length };
    },
  };
  /** Pieces: texts, and ids of special tokens. */
  const shown = (stops: readonly string[], pieces: readonly (string | number)[]): [string, string | undefined] => {
    const matcher = createStopMatcher(stops, specials);
    const text = pieces.map((piece) => (typeof piece === "string" ? matcher.push(piece) : matcher.pushSpecial(piece))).join("");
    return [text + matcher.flush(), matcher.stop];
  };

  it.each<[string, readonly string[], readonly (string | number)[], readonly [string, string | undefined]]>([
    ["the token", ["<x>"], ["ab", 1, "c"], ["ab", "<x>"]],
    ["its text in plain", ["<x>"], ["a<", "x>b"], ["a", "<x>"]],
    ["another token", ["<x>"], ["ab", 2, "c"], ["abc", undefined]],
    ["with text before", ["b<x>"], ["ab", 1], ["a", "b<x>"]],
    ["with text after", ["<x>\n"], ["a", 1, "b", 1, "\nc"], ["ab", "<x>\n"]],
    ["two of them", ["<x><xy>"], ["a", 1, 1, 2, "b"], ["a", "<x><xy>"]],
    ["a token between", ["ab<x>"], ["a", 2, "b", 1, "c"], ["abc", undefined]],
    ["plain stops look at the text alone", ["ab"], ["a", 1, "b"], ["", "ab"]],
    ["no part of a token's text", ["x>"], ["a", 1, "b"], ["ab", undefined]],
    ["the longer one", ["<x>", "b<x>"], ["ab", 1], ["a", "b<x>"]],
    ["again after a false start", ["aa<x>"], ["aaa", 1], ["a", "aa<x>"]],
  ])("%s", (_, stops, pieces, want) => expect(shown(stops, pieces)).toEqual(want));
});
