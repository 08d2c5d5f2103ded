import type { Model } from "../../src/model.ts";
import { UsageError } from "../../src/errors.ts";
import type { Piece } from "../../src/decode/generation.ts";
import { loadModel } from "./load.ts";
import { packError, type Answer, type ModelInfo, type PostedGenerateOptions, type Request } from "./protocol.ts";

/** Pieces are posted together when they come faster than a screen shows them. */
const FLUSH_MS = 12;

const scope = globalThis as unknown as { postMessage(answer: Answer): void; onmessage: ((event: MessageEvent<Request>) => void) | null };
const running = new Map<number, AbortController>();
let model: Model | undefined;

function loaded(): Model {
  if (model === undefined) throw new UsageError("no model is loaded");
  return model;
}

async function load({ id, location, options }: Request & { type: "load" }): Promise<ModelInfo> {
  if (model !== undefined) throw new UsageError("this worker has its model already; start another one");
  model = await loadModel(location, { ...options, onProgress: (done, total) => scope.postMessage({ type: "progress", id, done, total }) });
  const {
    name,
    config,
    tokenizer,
    loaded: { quantization, tier, threads, hasDraftHead = false },
  } = model;
  return { name, config, quantization, tier, threads, hasTokenizer: tokenizer !== undefined, hasDraftHead };
}

async function generate(id: number, prompt: string | Uint32Array, options: PostedGenerateOptions) {
  const controller = new AbortController();
  running.set(id, controller);
  let pieces: Piece[] = [];
  let flushed = 0;
  const flush = (): void => {
    if (pieces.length > 0) scope.postMessage({ type: "pieces", id, pieces });
    pieces = [];
    flushed = performance.now();
  };
  try {
    const generation = loaded().generate(prompt, { ...options, signal: controller.signal });
    for await (const piece of generation) {
      pieces.push(piece);
      if (performance.now() - flushed >= FLUSH_MS) flush();
    }
    return await generation.result();
  } finally {
    flush();
    running.delete(id);
  }
}

function encode(text: string): Uint32Array {
  const { tokenizer } = loaded();
  if (tokenizer === undefined) throw new UsageError("this model has no tokenizer");
  return tokenizer.encode(text);
}

async function answer(request: Request): Promise<void> {
  if (request.type === "cancel") return running.get(request.id)?.abort();
  if (request.type === "ffn") {
    loaded().ffn = request.mode;
    return;
  }
  const { id } = request;
  try {
    const value =
      request.type === "load"
        ? await load(request)
        : request.type === "generate"
          ? await generate(id, request.prompt, request.options)
          : encode(request.text);
    scope.postMessage({ type: "done", id, value });
  } catch (error) {
    scope.postMessage({ type: "error", id, error: packError(error) });
  }
}

scope.onmessage = ({ data }) => void answer(data);
