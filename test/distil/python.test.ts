import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Q4_BLOCK_BYTES, SCALE_BYTES, WEIGHT_Q4 as Q4 } from "../../core/layout/matrix.ts";
import { packPanel } from "../../src/format/packed/quantize.ts";
import { loadModel } from "../../src/load/load.ts";
import { largestDifference } from "../helpers/compare.ts";
import { describePython, python } from "../helpers/python.ts";
import { testHost } from "../helpers/test-host.ts";
import { tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";
import { readVectors } from "../helpers/vectors.ts";

const NEEDED = ["torch", "numpy", "safetensors", "tokenizers", "yaml", "jsonschema"];

describePython("distil/'s own tests", [...NEEDED, "pytest"], () => {
  it("pass", () => void python("-m", "pytest", "-q", "distil/tests"));
});

describePython("a student of distil/ in the engine", NEEDED, () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "blockffn-distil-"));
    const tokenizer = join(folder, "tokenizer.json");
    writeFileSync(tokenizer, tinyTokenizerJson());
    const program = "distil/tests/engine_sample.py";
    const sample = (name: string, ...options: string[]) => python(program, join(folder, name), tokenizer, ...options);
    sample("f32");
    sample("q4", "--q4");
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(["f32", "q4"])("gives PyTorch's logits from the folder that %s weights are exported to", async (name) => {
    const path = join(folder, name);
    const { ids, logits } = JSON.parse(readFileSync(join(path, "logits.json"), "utf8")) as { ids: number[]; logits: number[][] };
    const model = await loadModel(testHost, path);
    const result = model.newSequence().forward(ids, { logits: "all" });
    logits.forEach((row, i) => expect(largestDifference(Float32Array.from(row), result.logits(i))).toBeLessThan(1e-3));
    model.dispose();
  });

  it("is packed to q4 without any change of its weights", () => {
    const vectors = [...readVectors(join(folder, "q4", "model.safetensors"))];
    const matrices = vectors.filter(([name, { shape }]) => shape.length === 2 && !name.includes("router_proj"));
    expect(matrices.length).toBe(1 + 3 * 6);
    for (const [, { data, shape: [rows, cols] }] of matrices as [string, { data: Float32Array; shape: [number, number] }][]) {
      for (let first = 0; first < rows; first += 16) {
        const panel = data.subarray(first * cols, Math.min(rows, first + 16) * cols);
        expect(unpackQ4(packPanel(Q4, panel, panel.length / cols, cols), cols).subarray(0, panel.length)).toEqual(panel);
      }
    }
  });
});

/** Weights of a q4 panel, 16 rows, as core/layout/matrix.ts lays it out. */
function unpackQ4(panel: Uint8Array, cols: number): Float32Array {
  const out = new Float32Array(16 * cols);
  const word = new Uint32Array(1);
  const float = new Float32Array(word.buffer);
  for (let row = 0; row < 16; row++) {
    for (let col = 0; col < cols; col++) {
      const at = (col >> 5) * Q4_BLOCK_BYTES;
      const shift = row & 4;
      word[0] = (panel[at + 2 * row]! | (panel[at + 2 * row + 1]! << 8)) << 16;
      const c = col & 31;
      const byte = panel[at + SCALE_BYTES + (c >> 2) * 32 + (row >> 3) * 16 + (row & 3) * 4 + ((c & 1) << 1) + ((c >> 1) & 1)]!;
      out[row * cols + col] = (((byte >> shift) & 15) - 8) * float[0]! * (1 << shift);
    }
  }
  return out;
}
