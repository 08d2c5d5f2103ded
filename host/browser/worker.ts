import type { Model } from "../../src/model.ts";
import { UsageError } from "../../src/errors.ts";
import type { ChatBackend, ChatStream } from "../../src/chat/backend.ts";
import type { Generation, Piece } from "../../src/decode/generation.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import { loadModel } from "./load.ts";
import { packError, type Answer, type GenerationRequest, type ModelInfo, type Request, type TextRequest } from "./protocol.ts";

/** Pieces are posted together when they come faster than a screen shows them. */
const FLUSH_MS = 12;

const scope = globalThis as unknown as { postMessage(answer: Answer): void; onmessage: ((event: MessageEvent<Request>) => void) | null };
const running = new Map<number, AbortController>();
/** Conversations whose state is kept. */
const chats = new Map<number, ChatBackend>();
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
  // What is wrong with what a model says of chats is told to those who chat.
  const said = optional(() => ({ hasChatTemplate: model!.hasChatTemplate, generationDefaults: model!.generationDefaults }));
  const { hasChatTemplate = false, generationDefaults } = said ?? {};
  return {
    name,
    config,
    quantization,
    tier,
    threads,
    hasTokenizer: tokenizer !== undefined,
    hasDraftHead,
    hasChatTemplate,
    generationDefaults,
  };
}

function optional<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

/** What a request asks for. */
function begin(request: GenerationRequest, signal: AbortSignal): ChatStream | Generation {
  const current = loaded();
  if (request.type === "generate") return current.generate(request.prompt, { ...request.options, signal });
  const { chat, messages, options } = request;
  if (chat === undefined) return current.chat(messages, { ...options, signal });
  const backend = chats.get(chat) ?? current.openChat();
  chats.set(chat, backend);
  return backend.answer(messages, { ...options, signal });
}

async function generate(request: GenerationRequest) {
  const { id } = request;
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
    const generation = begin(request, controller.signal);
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

function tokenizer(): Tokenizer {
  const { tokenizer } = loaded();
  if (tokenizer === undefined) throw new UsageError("this model has no tokenizer");
  return tokenizer;
}

function text(request: TextRequest): Uint32Array | string | number {
  if (request.type === "encode") return tokenizer().encode(request.text, request.options);
  if (request.type === "decode") return tokenizer().decode(request.ids, request.options);
  if (request.type === "render") return loaded().renderChat(request.messages, request.options);
  return loaded().countTokens(request.what, request.options);
}

async function answer(request: Request): Promise<void> {
  if (request.type === "cancel") return running.get(request.id)?.abort();
  if (request.type === "closeChat") {
    chats.get(request.chat)?.close();
    chats.delete(request.chat);
    return;
  }
  if (request.type === "ffn") {
    loaded().ffn = request.mode;
    return;
  }
  const { id } = request;
  try {
    const value =
      request.type === "load"
        ? await load(request)
        : request.type === "generate" || request.type === "chat"
          ? await generate(request)
          : text(request);
    scope.postMessage({ type: "done", id, value });
  } catch (error) {
    scope.postMessage({ type: "error", id, error: packError(error) });
  }
}

scope.onmessage = ({ data }) => void answer(data);
