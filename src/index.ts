export * from "./errors.ts";
export type { Host, Threads, Tier, Workers } from "./host.ts";
export type { ByteSource, ModelFiles, OpenOptions } from "./format/source.ts";
export type { ModelConfig } from "./architecture/config.ts";
export type {
  FfnMode,
  ForwardOptions,
  ForwardResult,
  LoadedModel,
  LoadOptions,
  RowTable,
  RowTree,
  Sequence,
  SequenceOptions,
  SequenceRows,
} from "./engine/types.ts";
export type { Quantization } from "./architecture/quantization.ts";
export { loadModel } from "./load/load.ts";
export { Model } from "./model.ts";
export { Chat, createChat, type CreateChatOptions } from "./chat/chat.ts";
export type { ChatBackend, ChatModel, ChatStream } from "./chat/backend.ts";
export type { ChatGeneration, ChatResult, ChatUsage } from "./chat/answer.ts";
export type { ChatMessage } from "./chat/messages.ts";
export type { ChatOptions, Overflow } from "./chat/options.ts";
export type { ChatExport } from "./chat/transcript.ts";
export type { GenerationDefaults } from "./text/generation-defaults.ts";
export type { RenderOptions } from "./text/render-template.ts";
export { generate } from "./decode/generate.ts";
export { Generation, type FinishReason, type GenerationResult, type Piece, type SpeculationResult } from "./decode/generation.ts";
export type { GenerateOptions, Speculate } from "./decode/options.ts";
export type { Logprobs, TokenLogprob } from "./decode/sampling/logprobs.ts";
export { evaluate, type EvaluateOptions, type Evaluation } from "./decode/evaluate.ts";
export { createSampler, type Sampler, type SamplerOptions } from "./decode/sampling/sampler.ts";
export { loadTokenizer } from "./text/load-tokenizer.ts";
export type { EncodeOptions, Tokenizer } from "./text/tokenizer.ts";
export { createDetokenizer, type Detokenizer } from "./text/stream.ts";
export { createStopMatcher, type StopMatcher } from "./text/stop.ts";
export { SparsityCounter, type SparsityResult } from "./sparsity/stats.ts";
export { heatmapSvg } from "./sparsity/heatmap.ts";
export { traceExperts } from "./decode/trace.ts";
export { summarizeModel, type ModelSummary, type PartSummary } from "./load/summary.ts";
export { convertModel, type ConvertResult, type FileSink } from "./load/convert.ts";
