import type { TensorInfo, TensorSource } from "../tensors.ts";

const EMBEDDING = "model.embed_tokens.weight";
export const HEAD = "lm_head.weight";

/**
 * For a model whose head is its embedding: safetensors files keep shared tensors once, and some writers keep that one under
 * the head's name. The result always has it under the embedding's name; it is `tensors` itself where that is so already.
 */
export function withTiedEmbedding(tensors: TensorSource): TensorSource {
  return tensors.info(EMBEDDING) === undefined && tensors.info(HEAD) !== undefined ? new HeadAsEmbedding(tensors) : tensors;
}

/** The names of a tied model's tensors, with the head's for the embedding where only that is there. */
export function withTiedName(names: readonly string[], has: (name: string) => boolean): readonly string[] {
  return has(EMBEDDING) ? names : names.map((name) => (name === EMBEDDING ? HEAD : name));
}

class HeadAsEmbedding implements TensorSource {
  readonly name: string;
  readonly #tensors: TensorSource;

  constructor(tensors: TensorSource) {
    this.name = tensors.name;
    this.#tensors = tensors;
  }

  names(): readonly string[] {
    return [EMBEDDING, ...this.#tensors.names()];
  }

  info(name: string): TensorInfo | undefined {
    return this.#tensors.info(name === EMBEDDING ? HEAD : name);
  }

  readF32(name: string, start: number, count: number): Promise<Float32Array> {
    return this.#tensors.readF32(name === EMBEDDING ? HEAD : name, start, count);
  }

  close(): Promise<void> {
    return this.#tensors.close();
  }
}
