import type { GenerateOptions } from "../src/decode/options.ts";
import { UsageError } from "../src/errors.ts";
import type { ModelFiles } from "../src/format/source.ts";
import type { Host, Tier } from "../src/host.ts";
import { loadModel } from "../src/load/load.ts";
import { locationOf } from "../src/load/location.ts";
import { Model } from "../src/model.ts";
import type { FfnMode } from "../src/engine/types.ts";
import type { Quantization } from "../src/architecture/quantization.ts";
import type { Context } from "./io.ts";
import { Progress, withProgress } from "./progress.ts";

/** Options of every command that runs a model. */
export interface ModelOptions {
  readonly model?: string;
  readonly tier?: Tier;
  readonly quantize?: Quantization;
  readonly ffn?: FfnMode;
  readonly threads?: number;
  readonly json?: boolean;
}

/** What a model is loaded for: to go on with a text, or to converse. */
export type Use = "text" | "conversation";

/** The model that is used where none is named: for conversations the chat model, where its package is installed. */
export async function defaultModel({ io }: Context, use: Use): Promise<string> {
  return (use === "conversation" ? await io.models.chatModel() : undefined) ?? io.defaultModel;
}

/** Where what a command reads lies on this disk: that is never written. */
export async function readPaths({ io }: Context, locations: readonly (string | undefined)[]): Promise<(string | undefined)[]> {
  return Promise.all(locations.map((location) => (location === undefined ? undefined : io.models.locate(location))));
}

/** Opens a model's files, with progress and notes where they must be fetched. */
export async function openFiles(
  context: Context,
  location: string,
  { json, quantize }: { readonly json?: boolean | undefined; readonly quantize?: Quantization | undefined } = {},
): Promise<ModelFiles> {
  const { io, signal } = context;
  let progress: Progress | undefined;
  let what = "";
  try {
    return await io.host.open(location, {
      quantize,
      signal,
      onNote: (text) => {
        progress?.end();
        io.err(`blockffn: ${text}\n`);
      },
      onProgress: (now, done, total) => {
        signal.throwIfAborted();
        if (json === true) return;
        if (progress === undefined || now !== what) {
          progress?.end();
          progress = new Progress(io, `${(what = now)} ${location}`);
        }
        progress.update(done, total);
      },
    });
  } finally {
    progress?.end();
  }
}

/** Loads the model that the options name, with progress. The caller disposes it. */
export async function openModel(context: Context, options: ModelOptions, field = "model", use: Use = "text"): Promise<Model> {
  const { model = await defaultModel(context, use), tier, quantize, ffn, threads } = options;
  const host: Host = { ...context.io.host, open: (location) => openFiles(context, location, options) };
  return withProgress(
    context,
    "loading the model",
    options.json === true,
    async (onProgress) =>
      new Model(
        await loadModel(host, locationOf(model, field), {
          onProgress,
          ...(tier === undefined ? {} : { tier }),
          ...(quantize === undefined ? {} : { quantize }),
          ...(ffn === undefined ? {} : { ffn }),
          ...(threads === undefined ? {} : { threads }),
        }),
      ),
  );
}

/** Options of every command that speculates. */
export interface SpeculationOptions extends Pick<GenerateOptions, "speculate" | "draftTokens"> {
  readonly draftModel?: string;
}

/** Checks what can be checked before a model is loaded. @throws UsageError */
export function checkDraft({ speculate, draftModel }: SpeculationOptions): void {
  if (speculate === "model" && draftModel === undefined)
    throw new UsageError("is model, which needs --draft-model", { field: "speculate" });
}

/** Loads the draft model that the options name, as it is packed; undefined when they name none. The caller disposes it. */
export async function openDraft(
  context: Context,
  { draftModel: model, tier, json }: SpeculationOptions & ModelOptions,
): Promise<Model | undefined> {
  if (model === undefined) return undefined;
  return openModel(context, { model, ...(tier === undefined ? {} : { tier }), ...(json === undefined ? {} : { json }) }, "draftModel");
}
