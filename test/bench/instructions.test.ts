import { readFileSync } from "node:fs";
import { join } from "node:path";
import binaryen from "binaryen";
import { describe, expect, it } from "vitest";
import { countingHost, countInstructions, type InstructionCounts } from "../../bench/instructions/count.ts";
import { COUNTER, instrument } from "../../bench/instructions/instrument.ts";
import { loadModel } from "../../src/load/load.ts";
import { root, testHost, TIERS } from "../helpers/test-host.ts";

const MODEL = join(root, "models/blockffn-nano.q8.safetensors");

describe("a module that counts its instructions", () => {
  const { exports } = counting(`(module
    (global $kept (mut i32) (i32.const 7))
    (memory 1)
    (func $nothing (nop))
    (func (export "straight") (result i32) (i32.add (global.get $kept) (i32.const 1)))
    (func (export "loop") (param $n i32)
      (loop $again
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (local.get $n))))
    (func (export "choose") (param $n i32) (result i32)
      (if (result i32) (local.get $n)
        (then (call $nothing) (i32.const 1))
        (else (i32.const 2))))
    (func (export "leave") (param $n i32)
      (block $out
        (br_if $out (local.get $n))
        (call $nothing)
        (call $nothing))
      (nop))
    (func (export "table") (param $n i32) (result i32)
      (block $b (block $a (br_table $a $b (local.get $n))) (return (i32.const 1)))
      (i32.const 2))
    (func (export "lanes") (result i32)
      (i8x16.extract_lane_s 3 (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
        (v128.load offset=1024 (i32.const 0)) (v128.const i32x4 1 2 3 4))))
    (func (export "far") (result i32)
      ${"(drop (i32.const 1)) ".repeat(70)} (i32.const 0)))`);
  // Instructions as the text format's folded ones unfold; \`block\`, \`loop\` and \`if\` count, \`end\` and \`else\` do not.
  it.each([
    ["straight", [], 3],
    ["loop", [1], 1 + 6],
    ["loop", [1000], 1 + 6 * 1000],
    ["choose", [1], 2 + 2 + 1],
    ["choose", [0], 2 + 1],
    ["leave", [1], 3 + 1],
    ["leave", [0], 3 + 2 + 2 + 1],
    ["table", [0], 4 + 2],
    ["table", [1], 4 + 1],
    ["lanes", [], 5],
    ["far", [], 141],
  ] as const)("%s(%s)", (name, args, want) => {
    const counter = exports[COUNTER] as WebAssembly.Global<"i64">;
    const before = counter.value;
    (exports[name] as (...args: readonly number[]) => void)(...args);
    expect(Number(counter.value - before)).toBe(want);
  });

  it("refuses what it does not know", () => {
    expect(() => counting('(module (global i32 (i32.const 0)) (func (export "x") (drop (ref.null func))))')).toThrow(/0xd0 is not known/);
  });

  function counting(text: string): { exports: WebAssembly.Exports } {
    const module = binaryen.parseText(text);
    module.setFeatures(binaryen.Features.All);
    const bytes = instrument(module.emitBinary());
    module.dispose();
    return new WebAssembly.Instance(new WebAssembly.Module(bytes));
  }
});

describe("engines that count their instructions", () => {
  it.each(TIERS.flatMap((tier) => [`${tier}`, `${tier}.threads`]))("%s: is a valid module", (name) => {
    expect(WebAssembly.validate(instrument(readFileSync(join(root, `dist/engine/engine.${name}.wasm`))))).toBe(true);
  });

  it.each(TIERS)("%s: computes the same bits", async (tier) => {
    const logits = async (host: typeof testHost): Promise<number[]> => {
      const model = await loadModel(host, MODEL, { tier, threads: 1 });
      const sequence = model.newSequence({ capacity: 16 });
      const out = Array.from(sequence.forward([1, 90, 300, 17], { logits: "last" }).logits(0));
      model.dispose();
      return out;
    };
    expect(await logits(countingHost)).toEqual(await logits(testHost));
  });
});

describe("instructions of decoding, prefill, drafting and kernels", () => {
  const kept = JSON.parse(readFileSync(join(root, "bench/instructions/counts.json"), "utf8")) as Record<string, InstructionCounts>;
  it.each(TIERS.filter((tier) => tier !== "scalar"))("%s: within a hundredth of those that are kept", async (tier) => {
    const found = await countInstructions(tier);
    const before = kept[tier] as InstructionCounts;
    // Fewer are welcome, and kept: npm run bench -- instructions --tier simd relaxed --write.
    expect(Object.keys(found)).toEqual(Object.keys(before));
    const changed = Object.entries(found).filter(([what, count]) => Math.abs(count / (before[what] as number) - 1) > 0.01);
    expect(changed.map(([what, count]) => `${what}: ${before[what]} before, now ${count}`)).toEqual([]);
  });
});
