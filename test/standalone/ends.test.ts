import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DEFAULT_MODEL, loadModel } from "../../host/node/index.ts";
import { WASI_COMMAND } from "../../host/wasi/index.ts";
import { checksumOf } from "../../src/format/packed/checksums.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";
import { wasiJson } from "../helpers/wasi.ts";

const EOS = '\\"eosTokenIds\\":[2]';

/** The default model with another token that ends a text. */
function endingWith(id: number): Buffer {
  const bytes = Buffer.from(readFileSync(DEFAULT_MODEL));
  const length = Number(bytes.readBigUInt64LE(0));
  const header = bytes.subarray(8, 8 + length).toString("latin1");
  expect(header).toContain(EOS);
  // What nobody reads gives way, and spaces fill up: what follows the header stays in its place.
  const changed = header
    .replace('"format":"blockffn",', "")
    .replace(EOS, EOS.replace("2", String(id)))
    .trimEnd()
    .padEnd(length);
  expect(changed.length).toBe(length);
  bytes.write(changed, 8, "latin1");
  // The checksums, whose first is the header's and whose last is their own (docs/packed-format.md).
  const [from, to] = (JSON.parse(changed) as { checksums: { data_offsets: [number, number] } }).checksums.data_offsets.map(
    (at) => 8 + length + at,
  ) as [number, number];
  bytes.writeUInt32LE(checksumOf(bytes.subarray(8, 8 + length)), from);
  bytes.writeUInt32LE(checksumOf(bytes.subarray(from, to - 4)), to - 4);
  return bytes;
}

describe.skipIf(!existsSync(WASI_COMMAND))("an end-of-sequence token among accepted drafts", () => {
  it("ends the counting of experts, as it ends plain decoding", async () => {
    using model = await loadModel(undefined, { tier: "simd" });
    const folder = temporaryFolder();
    // A text that repeats itself: more than two tokens in three are accepted drafts.
    const text = await model.generate("Lily and Ben", { maxTokens: 340, ignoreEos: true }).result();
    const start = [...model.tokenizer!.encode("Lily and Ben"), ...text.tokens.slice(0, 300)];
    const tokens = text.tokens.slice(300);
    let behind = 0;
    for (let end = 2; end < 20; end += 3) {
      const id = tokens[end]!;
      writeFileSync(join(folder, "m.safetensors"), endingWith(id));
      const args = ["--model", "m.safetensors", "--tokens", start.join(","), "--max-tokens", "40"];
      const plain = await wasiJson(folder, [...args, "--speculate", "off"]);
      const drafted = await wasiJson(folder, [...args, "--speculate", "ngram"]);
      expect(plain.tokens).toEqual(tokens.slice(0, tokens.indexOf(id) + 1));
      expect([drafted.tokens, drafted.finishReason, drafted.tls]).toEqual([plain.tokens, "eos", plain.tls]);
      // Each round gives its accepted tokens and one more; the first token comes from the prompt.
      if (drafted.rounds! + drafted.acceptedTokens! > drafted.tokens.length - 1) behind++;
    }
    // Else nothing was accepted behind an end.
    expect(behind).toBeGreaterThan(0);
  });
});
