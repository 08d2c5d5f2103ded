import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Model } from "../../../src/model.ts";
import { largestDifference } from "../../helpers/compare.ts";
import { sharedPath } from "../../helpers/shared.ts";
import { readVectors } from "../../helpers/vectors.ts";
import { packTo } from "../../helpers/wasi.ts";

// The golden vectors of DECO by its authors' own code, on runtimes that run the library elsewhere than in this process.

export const DECO = "golden/deco/models";
/** Tolerance of golden/deco/README.md on logits and hidden states. */
const TOLERANCE = 1e-4;

/** What a runtime is asked to compute. */
export interface DecoWork {
  readonly prompt: readonly number[];
  readonly one: readonly number[];
  /** Empty where there is none. */
  readonly long: readonly number[];
  readonly greedy: number;
}

/** What it computed with one way of the feed-forward branches. */
export interface DecoAnswer {
  readonly ffn: string;
  readonly tier: string;
  /** `[tokens x vocabulary]` and `[tokens x hidden size]`. */
  readonly logits: readonly number[];
  readonly hidden: readonly number[];
  readonly one: readonly number[];
  /** Logits of the last four rows. */
  readonly long: readonly number[];
  readonly greedy: readonly number[];
  /** Active experts, over tokens and layers. */
  readonly active: number;
}

/** A golden model as a packed file of f32 weights, which is what all of these hosts load. */
export interface DecoModel {
  readonly name: string;
  readonly file: string;
  readonly work: DecoWork;
  /** The tokens that the authors' code goes on with. */
  readonly greedy: readonly number[];
  check(answers: readonly DecoAnswer[]): void;
}

/** Runs on each runtime, from its source text: it may use nothing of this module. */
export async function runDeco(load: (options: { ffn: "sparse" | "dense" }) => Promise<Model>, work: DecoWork): Promise<DecoAnswer[]> {
  const answers: DecoAnswer[] = [];
  for (const ffn of ["sparse", "dense"] as const) {
    const model = await load({ ffn });
    const pass = (ids: readonly number[], last: number): { logits: number[]; hidden: number[]; active: number } => {
      const sequence = model.newSequence({ capacity: ids.length });
      const result = sequence.forward(ids, { logits: "all" });
      const rows = Array.from({ length: last }, (_, i) => ids.length - last + i);
      let active = 0;
      for (let word of result.activeExperts) for (; word !== 0; word = (word & (word - 1)) >>> 0) active++;
      const out = {
        logits: rows.flatMap((row) => Array.from(result.logits(row))),
        hidden: rows.flatMap((row) => Array.from(result.hidden(row))),
        active,
      };
      sequence.dispose();
      return out;
    };
    /** The last rows of a text that is longer than a call. */
    const lastRows = (ids: readonly number[]): number[] => {
      const sequence = model.newSequence({ capacity: ids.length });
      for (let at = 0; at < ids.length - 4; at += 64)
        sequence.forward(ids.slice(at, Math.min(at + 64, ids.length - 4)), { logits: "none" });
      const result = sequence.forward(ids.slice(-4), { logits: "all" });
      const logits = [0, 1, 2, 3].flatMap((row) => Array.from(result.logits(row)));
      sequence.dispose();
      return logits;
    };
    const whole = pass(work.prompt, work.prompt.length);
    const { tokens } = await model.generate(work.prompt, { maxTokens: work.greedy, ignoreEos: true, speculate: "off" }).result();
    answers.push({
      ffn,
      tier: model.loaded.tier,
      ...whole,
      one: pass(work.one, 1).logits,
      long: work.long.length === 0 ? [] : lastRows(work.long),
      greedy: Array.from(tokens),
    });
    model.dispose();
  }
  return answers;
}

/** All golden models, packed below `folder`. */
export async function decoModels(folder: string): Promise<DecoModel[]> {
  mkdirSync(folder, { recursive: true });
  const models: DecoModel[] = [];
  for (const name of readdirSync(sharedPath(DECO)).sort()) {
    const source = join(sharedPath(DECO), name);
    const file = join(folder, `${name}.safetensors`);
    await packTo(source, file, "f32");
    const vectors = readVectors(join(source, "golden.safetensors"));
    const numbers = (key: string): number[] => Array.from((vectors.get(key)?.data as Float32Array | Int32Array | undefined) ?? []);
    const { sparsity } = JSON.parse(readFileSync(join(source, "golden.json"), "utf8")) as { sparsity: { TLS_counts: [number, number] } };
    const greedy = numbers("greedy.tokens");
    const work = { prompt: numbers("input_ids"), one: numbers("one.input_ids"), long: numbers("long.input_ids"), greedy: greedy.length };
    const close = (got: readonly number[], key: string): void => {
      expect(largestDifference(Float32Array.from(got), Float32Array.from(numbers(key))), `${name}: ${key}`).toBeLessThan(TOLERANCE);
    };
    const check = (answers: readonly DecoAnswer[]): void => {
      expect(answers.map(({ ffn }) => ffn)).toEqual(["sparse", "dense"]);
      for (const answer of answers) {
        close(answer.logits, "logits");
        close(answer.hidden, "final_norm");
        close(answer.one, "one.logits");
        if (work.long.length > 0) close(answer.long, "long.logits_last4");
        expect(answer.greedy).toEqual(greedy);
        expect(answer.active).toBe(sparsity.TLS_counts[0]);
      }
    };
    models.push({ name, file, work, greedy, check });
  }
  return models;
}
