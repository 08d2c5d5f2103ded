import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "./test-host.ts";

const PEER = join(root, "bench/peers");

/** llama.cpp is there: `npm ci` in bench/peers. */
export const HAS_LLAMA_CPP = existsSync(join(PEER, "node_modules/node-llama-cpp"));

export interface PeerAnswer {
  readonly version: string;
  readonly tokens: readonly (readonly number[])[];
  readonly greedy: readonly (readonly number[])[];
}

/** Asks llama.cpp for the ids of texts, and for greedy ids after prompts. */
export function askLlamaCpp(request: {
  readonly model: string;
  readonly texts?: readonly string[];
  readonly special?: boolean;
  readonly prompts?: readonly (readonly number[])[];
  readonly steps?: number;
}): PeerAnswer {
  const answer = execFileSync(process.execPath, [join(PEER, "llamacpp-text.mjs")], {
    input: JSON.stringify(request),
    maxBuffer: 1 << 28,
    stdio: ["pipe", "pipe", "ignore"],
  });
  return JSON.parse(answer.toString()) as PeerAnswer;
}
