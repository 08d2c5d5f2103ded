import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { TINY_CONFIGS, tinyTensors } from "./tiny-checkpoint.ts";
import { tinySafetensors } from "./tiny-safetensors.ts";
import { TINY_VOCAB, tinyTokenizerJson } from "./tiny-tokenizer.ts";

/** A folder that is gone after the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "blockffn-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a tiny model with seeded random weights and a tokenizer, in the Hugging Face layout, into `folder`. */
export function writeTinyModel(folder: string, kind: keyof typeof TINY_CONFIGS = "block", withTokenizer = true): string {
  const config = { ...TINY_CONFIGS[kind], vocab_size: TINY_VOCAB, max_position_embeddings: 96 };
  let state = 12345;
  const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1;
  const tensors = tinyTensors(config).map((tensor) => {
    const count = tensor.shape.reduce((a, b) => a * b, 1);
    const norm = /norm/.test(tensor.name);
    const values = Float32Array.from({ length: count }, () => (norm ? 1 : random()));
    return { ...tensor, bytes: new Uint8Array(values.buffer) };
  });
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  writeFileSync(join(folder, "model.safetensors"), tinySafetensors(tensors));
  if (withTokenizer) writeFileSync(join(folder, "tokenizer.json"), tinyTokenizerJson());
  return folder;
}
