import * as errors from "../../src/errors.ts";
import type { GenerationResult, Piece } from "../../src/decode/generation.ts";
import type { ChatMessage } from "../../src/chat/messages.ts";
import type { ChatOptions } from "../../src/chat/options.ts";
import type { GenerateOptions } from "../../src/decode/options.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import type { FfnMode } from "../../src/engine/types.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import type { GenerationDefaults } from "../../src/text/generation-defaults.ts";
import type { RenderOptions } from "../../src/text/render-template.ts";
import type { DecodeOptions, EncodeOptions } from "../../src/text/tokenizer-options.ts";
import type { Tier } from "../../src/host.ts";
import type { BrowserLoadOptions } from "./load.ts";

/** Options that can be posted: what calls back or aborts stays on the page. */
export type PostedLoadOptions = Omit<BrowserLoadOptions, "onProgress">;
export type PostedGenerateOptions = Omit<GenerateOptions, "signal" | "draftModel">;
export type PostedChatOptions = Omit<ChatOptions, "signal" | "draftModel">;

/** Something to answer: piece by piece, until it is cancelled. */
export type GenerationRequest =
  | { readonly type: "generate"; readonly id: number; readonly prompt: string | Uint32Array; readonly options: PostedGenerateOptions }
  | {
      readonly type: "chat";
      readonly id: number;
      /** The conversation whose state is kept; undefined: none is. */
      readonly chat: number | undefined;
      readonly messages: readonly ChatMessage[];
      readonly options: PostedChatOptions;
    };

/** A question about text, with one answer. */
export type TextRequest =
  | { readonly type: "encode"; readonly id: number; readonly text: string; readonly options: EncodeOptions }
  | { readonly type: "decode"; readonly id: number; readonly ids: Uint32Array; readonly options: DecodeOptions }
  | { readonly type: "render"; readonly id: number; readonly messages: readonly ChatMessage[]; readonly options: RenderOptions }
  | { readonly type: "count"; readonly id: number; readonly what: string | readonly ChatMessage[]; readonly options: RenderOptions };

/** From the page to the worker. `id` names a request; its answers carry it. */
export type Request =
  | { readonly type: "load"; readonly id: number; readonly location: string; readonly options: PostedLoadOptions }
  | GenerationRequest
  | TextRequest
  | { readonly type: "cancel"; readonly id: number }
  | { readonly type: "closeChat"; readonly chat: number }
  | { readonly type: "ffn"; readonly mode: FfnMode };

/** What the page knows of the worker's model. */
export interface ModelInfo {
  readonly name: string;
  readonly config: ModelConfig;
  readonly quantization: Quantization;
  readonly tier: Tier;
  readonly threads: number;
  readonly hasTokenizer: boolean;
  /** Whether it carries an EAGLE head, for `speculate: "eagle"`. */
  readonly hasDraftHead: boolean;
  /** Whether it says how it wants conversations written. */
  readonly hasChatTemplate: boolean;
  /** How its makers want answers drawn; undefined when they do not say. */
  readonly generationDefaults: GenerationDefaults | undefined;
}

/** From the worker to the page. After `done` or `error` nothing more comes for an id. */
export type Answer =
  | { readonly type: "progress"; readonly id: number; readonly done: number; readonly total: number }
  | { readonly type: "pieces"; readonly id: number; readonly pieces: readonly Piece[] }
  | { readonly type: "done"; readonly id: number; readonly value: ModelInfo | GenerationResult | Uint32Array | string | number }
  | { readonly type: "error"; readonly id: number; readonly error: PostedError };

/** An error as data: structured clones lose class and fields. */
export interface PostedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly file?: string;
  readonly field?: string;
  readonly limit?: string | number;
}

export function packError(error: unknown): PostedError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), stack: undefined };
  const { name, message, stack } = error;
  if (!(error instanceof errors.BlockFFNError)) return { name, message, stack };
  const { file, field, limit } = error;
  return {
    name,
    message,
    stack,
    ...(file !== undefined && { file }),
    ...(field !== undefined && { field }),
    ...(limit !== undefined && { limit }),
  };
}

const CLASSES: Readonly<Record<string, typeof errors.BlockFFNError | undefined>> = {
  BlockFFNError: errors.BlockFFNError,
  FormatError: errors.FormatError,
  ConfigError: errors.ConfigError,
  TokenizerError: errors.TokenizerError,
  LimitError: errors.LimitError,
  UsageError: errors.UsageError,
  SourceError: errors.SourceError,
  ThreadError: errors.ThreadError,
  MemoryError: errors.MemoryError,
};

/** The error as it was thrown: class, message and fields. */
export function unpackError({ name, message, stack, ...fields }: PostedError): Error {
  const type = CLASSES[name];
  // The message already names file and field.
  const error = type === undefined ? new Error(message) : Object.assign(new type(message), fields);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}
