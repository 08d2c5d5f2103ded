import type { GenerateOptions } from "../src/decode/options.ts";
import { UsageError } from "../src/errors.ts";
import type { Tier } from "../src/host.ts";
import { loadModel } from "../src/load/load.ts";
import { locationOf } from "../src/load/location.ts";
import { Model } from "../src/model.ts";
import type { FfnMode } from "../src/engine/types.ts";
import type { Quantization } from "../src/architecture/quantization.ts";
import type { Context } from "./io.ts";
import { withProgress } from "./progress.ts";

/** Options of every command that runs a model. */
export interface ModelOptions {
  readonly model?: string;
  readonly tier?: Tier;
  readonly quantize?: Quantization;
  readonly ffn?: FfnMode;
  readonly threads?: number;
  readonly json?: boolean;
}

/** Loads the model that the options name, with progress. The caller disposes it. */
export async function openModel(context: Context, options: ModelOptions, field = "model"): Promise<Model> {
  const { model = context.io.defaultModel, tier, quantize, ffn, threads } = options;
  return withProgress(
    context,
    "loading the model",
    options.json === true,
    async (onProgress) =>
      new Model(
        await loadModel(context.io.host, locationOf(model, field), {
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
