import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { dequantize } from "../../../src/format/gguf/blocks.ts";
import { blockOf, GGUF_TYPES, isGgufType } from "../../../src/format/gguf/types.ts";

interface Fixture {
  readonly types: Readonly<Record<string, { readonly bytes: string; readonly f32: string }>>;
}
const { types } = JSON.parse(readFileSync(new URL("blocks.json", import.meta.url), "utf8")) as Fixture;
const decode = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));

describe("blocks, as gguf-py reads them", () => {
  it("every type", () => expect(Object.keys(types).sort()).toEqual([...GGUF_TYPES].sort()));

  it.each(Object.entries(types))("%s: the same bits", (type, { bytes, f32 }) => {
    if (!isGgufType(type)) throw new Error(type);
    const stored = decode(bytes);
    const got = dequantize(type, stored);
    expect(got.length).toBe((stored.length / blockOf(type).bytes) * blockOf(type).elements);
    expect(Buffer.from(got.buffer, got.byteOffset, got.byteLength).toString("hex")).toBe(Buffer.from(decode(f32)).toString("hex"));
  });
});
