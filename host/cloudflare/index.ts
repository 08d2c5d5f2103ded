// Not all of src/index.ts: a Worker runs packed models, and what it does not import is not uploaded.
export * from "../../src/errors.ts";
export { Chat, createChat, type CreateChatOptions } from "../../src/chat/chat.ts";
export type { ChatGeneration, ChatResult, ChatUsage } from "../../src/chat/answer.ts";
export type { ChatMessage } from "../../src/chat/messages.ts";
export type { ChatOptions, Overflow } from "../../src/chat/options.ts";
export { Model } from "../../src/model.ts";
export { Generation, type FinishReason, type GenerationResult, type Piece } from "../../src/decode/generation.ts";
export type { GenerateOptions } from "../../src/decode/options.ts";
export type { LoadOptions } from "../../src/engine/types.ts";
export { loadModel } from "./load.ts";
export { serveWorker, type Answering, type ExecutionContext } from "./serve.ts";
export {
  fromAssets,
  fromKv,
  fromR2,
  fromUrl,
  type AssetsBinding,
  type BucketBinding,
  type KvBinding,
  type ModelSource,
  type ModelStream,
} from "./sources.ts";
