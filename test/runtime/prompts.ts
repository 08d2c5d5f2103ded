import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RUNTIMES } from "./packages.ts";

/** What a host must answer: written by make-prompts.mjs from Node's `simd` tier and the embedded default model. */
export interface RuntimePrompt {
  readonly prompt: string;
  /** Ids of the prompt, BOS included. */
  readonly promptTokens: readonly number[];
  /** Ids of the greedy continuation; no end-of-sequence token comes before `maxTokens`. */
  readonly tokens: readonly number[];
  readonly text: string;
}

interface RuntimePrompts {
  readonly model: string;
  readonly maxTokens: number;
  readonly prompts: readonly RuntimePrompt[];
}

/** The ten prompts that all hosts are held to. */
export const { maxTokens: MAX_TOKENS, prompts: PROMPTS } = JSON.parse(
  readFileSync(join(RUNTIMES, "prompts.json"), "utf8"),
) as RuntimePrompts;
