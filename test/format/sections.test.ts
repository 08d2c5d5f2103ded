import { describe, expect, it } from "vitest";
import { checksumOf } from "../../src/format/packed/checksums.ts";
import { openPacked } from "../../src/format/packed/packed.ts";
import type { Section } from "../../src/format/packed/sections.ts";
import { loadModel } from "../../src/load/load.ts";
import { verifyModel } from "../../src/load/verify.ts";
import { MemorySource } from "../helpers/memory-files.ts";
import { encodePacked } from "../helpers/packed-v2.ts";
import { testHost } from "../helpers/test-host.ts";
import { TINY_CONFIGS } from "../helpers/tiny-checkpoint.ts";
import { packTiny } from "../helpers/tiny-packed.ts";

const tiny = await packTiny(TINY_CONFIGS.block, "q8", 0);

type Entry = { dtype: string; shape: number[]; data_offsets: [number, number] };
type Header = Record<string, Entry> & { __metadata__: Record<string, string> };

/** The file with another table of sections, and so many bytes in a new tensor before the checksums, all checksums being right. */
function changed(change: (sections: Section[]) => void, extra?: string): Uint8Array {
  const length = Number(new DataView(tiny.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(tiny.subarray(8, 8 + length))) as Header;
  const data = tiny.subarray(8 + length);
  const sections = JSON.parse(header.__metadata__["blockffn.sections"]!) as Section[];
  change(sections);
  header.__metadata__["blockffn.sections"] = JSON.stringify(sections);
  const [begin, end] = header["checksums"]!.data_offsets;
  const added = extra === undefined ? 0 : 16384;
  if (extra !== undefined) header[extra] = { dtype: "U8", shape: [added], data_offsets: [begin, begin + added] };
  header["checksums"] = {
    dtype: "U8",
    shape: [end - begin + (added > 0 ? 4 : 0)],
    data_offsets: [begin + added, end + added + (added > 0 ? 4 : 0)],
  };
  const json = JSON.stringify(header);
  const bytes = new TextEncoder().encode(json.padEnd(Math.ceil((8 + json.length) / 64) * 64 - 8));
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(bytes.length), true);
  const sums = new Uint32Array(data.slice(begin, end).buffer);
  sums[0] = checksumOf(bytes);
  const list = [...sums.subarray(0, sums.length - 1), ...(added > 0 ? [checksumOf(new Uint8Array(added).fill(0xff))] : [])];
  const all = new Uint8Array(Uint32Array.from(list).buffer);
  return new Uint8Array(
    Buffer.concat([
      size,
      bytes,
      data.subarray(0, begin),
      new Uint8Array(added).fill(0xff),
      all,
      new Uint8Array(Uint32Array.of(checksumOf(all)).buffer),
    ]),
  );
}

function load(bytes: Uint8Array, sequential = false) {
  const open = async () =>
    sequential ? Object.assign(new MemorySource("m.safetensors", bytes), { sequential: true }) : new MemorySource("m.safetensors", bytes);
  return loadModel({ ...testHost, open: async () => ({ name: "m.safetensors", single: true, open }) }, "m.safetensors");
}

const later = (must: boolean) =>
  changed(
    (sections) => void sections.push({ name: "later", version: 1, must, parts: [{ name: "later.data", type: "bytes", run: 16384 }] }),
    "later.data",
  );

describe("sections", () => {
  it.each([false, true])("one that is not known and optional is skipped (stream: %s)", async (sequential) => {
    const logits = async (bytes: Uint8Array) => {
      const model = await load(bytes, sequential);
      const result = Array.from(model.newSequence({ capacity: 4 }).forward([0, 1]).logits(0));
      model.dispose();
      return result;
    };
    // What lies behind the weights in the file must not be taken for descriptors.
    expect(await logits(later(false))).toEqual(await logits(tiny));
  });

  it("one that is not known and must be understood is refused by name", async () => {
    await expect(load(later(true))).rejects.toMatchObject({ name: "FormatError", field: "later" });
  });

  it("a head of a later version is skipped, weights of one are not", async () => {
    const of = (name: string) =>
      changed((sections) =>
        sections.forEach((section) => {
          if (section.name === name) (section as { version: number }).version = 99;
        }),
      );
    expect((await openPacked(new MemorySource("m", tiny))).draft).toBeDefined();
    expect((await openPacked(new MemorySource("m", of("draft")))).draft).toBeUndefined();
    await expect(load(of("weights"))).rejects.toMatchObject({ name: "FormatError", field: "weights" });
  });

  it("weight types are those that the file names", async () => {
    const bytes = changed((sections) => {
      const part = sections.find(({ name }) => name === "weights")!.parts.find(({ name }) => name.endsWith("attn.q"))!;
      (part as { type: string }).type = "q4";
    });
    await expect(load(bytes)).rejects.toMatchObject({ name: "FormatError" });
  });

  it("a tensor of no section is refused", async () => {
    await expect(load(changed((sections) => void sections.pop()))).rejects.toMatchObject({
      name: "FormatError",
      field: expect.stringMatching(/^draft\./),
    });
  });
});

describe("damage", () => {
  it.each([false, true])("a byte of every part is found and named (stream: %s)", async (sequential) => {
    const { checksums } = await openPacked(new MemorySource("m", tiny));
    const experts = checksums!.runs.filter(({ part }) => part.endsWith("experts"));
    expect(experts.length).toBeGreaterThan(2);
    const parts = new Map(checksums!.runs.map((run) => [run.part, run]));
    for (const run of [...parts.values(), ...experts]) {
      const bytes = tiny.slice();
      bytes[run.offset + run.bytes - 1]! ^= 4;
      const expected = { name: "FormatError", field: run.part };
      await expect(verifyModel({ name: "m", single: true, open: async () => new MemorySource("m", bytes) })).rejects.toMatchObject(
        expected,
      );
      const error = await load(bytes, sequential).then(
        () => undefined,
        (e: unknown) => e,
      );
      expect(error).toMatchObject(expected);
      if (run.part.endsWith("experts")) expect(String(error)).toContain(`expert ${run.index} of ${run.count}`);
    }
  });

  it.each([false, true])("of the checksums themselves, and of the header (stream: %s)", async (sequential) => {
    const bytes = tiny.slice();
    bytes[bytes.length - 9]! ^= 1;
    await expect(load(bytes, sequential)).rejects.toMatchObject({ name: "FormatError", field: "checksums" });
    const header = tiny.slice();
    const at = Buffer.from(header).indexOf("blockffn.draft");
    header[at + 10]! ^= 1;
    await expect(openPacked(new MemorySource("m", header))).rejects.toMatchObject({ name: "FormatError", field: "header" });
  });

  it("verify goes through all bytes of all sections, and says what has no checksums", async () => {
    const result = await verifyModel({ name: "m", single: true, open: async () => new MemorySource("m", later(false)) });
    expect(result.bytes).toBeGreaterThan(0.8 * (tiny.length - 9000));
    const { config, plan, weightsOffset } = await openPacked(new MemorySource("m", tiny));
    const old = new Uint8Array(
      Buffer.concat([encodePacked(config, plan, undefined).head, tiny.subarray(weightsOffset, weightsOffset + plan.end)]),
    );
    (await load(old)).dispose();
    await expect(verifyModel({ name: "m", single: true, open: async () => new MemorySource("m", old) })).rejects.toMatchObject({
      name: "FormatError",
      field: "blockffn.version",
    });
  });
});
