import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutTokenizerJson, type JsonSlices } from "../../src/text/json-slices.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Parts {
  readonly rest: unknown;
  readonly vocab: unknown;
  readonly merges: unknown;
}

/** All of a file by its slices, put together again; undefined where it is no JSON. */
function bySlices(bytes: Uint8Array): Parts | undefined {
  try {
    const { rest, vocab, merges } = cutTokenizerJson(bytes, "tokenizer.json");
    return { rest: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(rest)), vocab: whole(vocab), merges: whole(merges) };
  } catch {
    return undefined;
  }
}

function whole(slices: JsonSlices | undefined): unknown {
  if (slices === undefined) return undefined;
  if (slices.kind === "other") return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(slices.bytes));
  const parts = [...slices];
  return slices.kind === "object" ? Object.fromEntries((parts as object[]).flatMap((part) => Object.entries(part))) : parts.flat(1);
}

/** The same by JSON.parse. */
function atOnce(bytes: Uint8Array): Parts | undefined {
  try {
    const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    const model = (json as { model?: Record<string, unknown> } | null)?.model;
    const isObject = typeof model === "object" && model !== null && !Array.isArray(model);
    const [vocab, merges] = isObject ? [model["vocab"], model["merges"]] : [];
    if (isObject) for (const key of ["vocab", "merges"]) if (Object.hasOwn(model, key)) model[key] = null;
    return { rest: json, vocab, merges };
  } catch {
    return undefined;
  }
}

describe("a tokenizer.json in slices is what it is at once", () => {
  it.each([
    '{"model":{"vocab":{"a":1,"b":2},"merges":[["a","b"],"a b"]}}',
    ' { "x" : [1, {"model": {"vocab": 3}}], "model" :\n{ "vocab" : { } , "type": "BPE", "merges" : [ ] } , "y": "}" } ',
    '{"\\u006dodel":{"vo\\u0063ab":{"\\"}":1,"\\\\":2,",":3,"__proto__":4,"\ud83d\ude00":5},"merges":[[",","}"]]}}',
    '{"model":{"vocab":{"a":1},"vocab":{"b":2},"merges":[],"merges":[["b","b"]]}}',
    '{"model":{"vocab":{"a":1}},"model":{"merges":[]}}',
    '{"model":{"vocab":{"a":1}},"model":7}',
    '{"model":[{"vocab":{"a":1}}],"merges":[1]}',
    '{"model":{"vocab":["a"],"merges":{"a":1}}}',
    '{"model":{"vocab":null,"merges":"x"}}',
    '[{"model":{"vocab":{"a":1}}}]',
    '{"model":{"vocab":{"a":1,},"merges":[]}}',
    '{"model":{"vocab":{,"a":1},"merges":[]}}',
    '{"model":{"vocab":{"a":1,,"b":2},"merges":[]}}',
    '{"model":{"vocab":{"a":[1}},"merges":[]}}',
    '{"model":{"vocab":{"a":1]],"merges":[]}}',
    '{"model":{"vocab":{"a":1},"merges":[}}',
    '{"model":{"vocab":{"a"},"merges":[]}}',
    '{"model":{"vocab":,"merges":[]}}',
    '{"model":{"vocab":{\ufeff"a":1},"merges":[]}}',
    '{"model":{"vocab":{"a":1} x,"merges":[]}}',
    '{"model":{"vocab":{"a":"b',
    "",
    "null",
  ])("%j", (text) => {
    expect(bySlices(utf8(text))).toEqual(atOnce(utf8(text)));
  });

  it("also with more members than one slice holds", () => {
    const vocab = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`t${i},"`, i]));
    const merges = Array.from({ length: 9000 }, (_, i) => [`a${i}`, "]"]);
    for (const space of [undefined, 1]) {
      const bytes = utf8(JSON.stringify({ version: "1.0", model: { merges, type: "BPE", vocab }, z: [] }, null, space));
      expect(bySlices(bytes)).toEqual(atOnce(bytes));
      expect(cutTokenizerJson(bytes, "x").merges?.count).toBe(9000);
    }
  });

  it("whatever stands in it, and however it is damaged", () => {
    const json = fc.record({
      model: fc.oneof(
        fc.record({ vocab: fc.jsonValue({ maxDepth: 2 }), merges: fc.jsonValue({ maxDepth: 2 }), type: fc.string() }),
        fc.jsonValue(),
      ),
      model2: fc.jsonValue({ maxDepth: 1 }),
    });
    const damage = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'{}[],:"\\ a1\n')), { maxLength: 3 });
    fc.assert(
      fc.property(json, damage, fc.boolean(), (value, changes, pretty) => {
        const chars = [...JSON.stringify(value, null, pretty ? 2 : undefined)];
        for (const [at, char] of changes) chars[at % chars.length] = char;
        const bytes = utf8(chars.join(""));
        expect(bySlices(bytes)).toEqual(atOnce(bytes));
      }),
      { numRuns: 2000 },
    );
  });
});
