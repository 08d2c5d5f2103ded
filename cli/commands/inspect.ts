import type { Command } from "commander";
import { basename } from "node:path";
import { integer } from "../../src/decode/options.ts";
import { encodePrompt } from "../../src/decode/plain/prompt.ts";
import { traceExperts } from "../../src/decode/trace.ts";
import { UsageError } from "../../src/errors.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import { summarizeModel, type ModelSummary } from "../../src/load/summary.ts";
import { verifyModel } from "../../src/load/verify.ts";
import { expertLayers } from "../../src/architecture/config.ts";
import { heatmapSvg } from "../../src/sparsity/heatmap.ts";
import { bytes, number, table } from "../format.ts";
import type { Context } from "../io.ts";
import { openFiles, openModel, readPaths, type ModelOptions } from "../model.ts";
import { forceOption, jsonOption, wholeNumber } from "../options.ts";
import { svgKind } from "../output-kinds.ts";
import { checkOutput, writeOutput, type OutputRule } from "../outputs.ts";
import { readTextFile } from "../text-file.ts";

/** Columns of a heat map that can still be told apart on a screen. */
const HEATMAP_TOKENS = 128;

interface Options {
  readonly json?: boolean;
  readonly verify?: boolean;
  readonly heatmap?: string;
  readonly text?: string;
  readonly maxTokens?: number;
  readonly force?: boolean;
}

const TITLE = "active experts";
const FORMATS = { packed: "packed", huggingface: "Hugging Face folder", gguf: "GGUF" } as const;
const HEATMAP = svgKind("a heat map of inspect", new RegExp(`: ${TITLE}$`));

export function registerInspect(program: Command, context: Context): void {
  program
    .command("inspect")
    .description("Show what a model's files hold: architecture, parameters and bytes by part, weight types.")
    .argument("[model]", "packed model, GGUF file, Hugging Face folder, or name as --model takes it (default: nano)")
    .addOption(jsonOption())
    .option("--verify", "compare the checksums of a packed file: they find damage, not malice")
    .option("--heatmap <svg>", "draw which experts are active, layer by layer, token by token; needs --text")
    .option("--text <file>", "text to run through the model for --heatmap")
    .option("--max-tokens <n>", `first tokens of the text to draw (default: ${HEATMAP_TOKENS})`, wholeNumber)
    .addOption(forceOption())
    .addHelpText(
      "after",
      `
Examples:
  blockffn inspect
  blockffn inspect ./my-model --json
  blockffn inspect my-model.q8.safetensors --verify
  blockffn inspect my-model.q8.safetensors --heatmap experts.svg --text story.txt`,
    )
    .action((model: string | undefined, options: Options) => inspectCommand(context, model, options));
}

async function inspectCommand(context: Context, location: string | undefined, options: Options): Promise<void> {
  const { io } = context;
  const { heatmap, text } = options;
  if (heatmap !== undefined && text === undefined) throw new UsageError("--heatmap needs --text, the text to run through the model");
  if (text !== undefined && heatmap === undefined) throw new UsageError("--text needs --heatmap, the file to draw into");
  const reads = [...(await readPaths(context, [location ?? io.defaultModel])), text];
  const rule: OutputRule = { reads, kind: HEATMAP, force: options.force };
  if (heatmap !== undefined) await checkOutput(heatmap, rule);
  const files = await openFiles(context, location ?? io.defaultModel, { json: options.json });
  const summary = await summarizeModel(files);
  const verified = options.verify === true ? await verifyModel(files) : undefined;
  await io.out(options.json === true ? `${JSON.stringify({ ...summary, ...(verified && { verified }) })}\n` : report(summary));
  if (verified !== undefined && options.json !== true) io.err(`${number(verified.runs)} checksums of ${bytes(verified.bytes)} are right\n`);
  if (heatmap !== undefined && text !== undefined) {
    await drawHeatmap(
      context,
      { ...(location === undefined ? {} : { model: location }), ...(options.json === undefined ? {} : { json: options.json }) },
      { path: heatmap, rule },
      text,
      options.maxTokens,
    );
  }
}

function report(summary: ModelSummary): string {
  const { config } = summary;
  const about = table(
    [
      ["model", summary.name],
      ["format", FORMATS[summary.format]],
      ["weights", summary.weights],
      ["architecture", config.architecture],
      ["layers", String(config.layers)],
      ["hidden size", String(config.hiddenSize)],
      ["attention", attention(config)],
      ["ffn", ffn(config)],
      ["vocabulary", `${number(config.vocabSize)}${config.tied ? ", embedding and head tied" : ""}`],
      ["context", `${number(config.contextLength)} tokens`],
      ["tokenizer", summary.tokenizerBytes === 0 ? "none" : bytes(summary.tokenizerBytes)],
    ].map(([key, value]) => [`${(key as string).padEnd(14)}${value as string}`]),
  );
  const parts = table([
    ["part", "parameters", "bytes", "share"],
    ...[...summary.parts, { part: "total", parameters: summary.parameters, bytes: summary.bytes }].map((part) => [
      part.part,
      number(part.parameters),
      number(part.bytes),
      `${((100 * part.bytes) / summary.bytes).toFixed(1)} %`,
    ]),
  ]);
  return `${about}\n${parts}`;
}

function attention({ attention: a }: ModelConfig): string {
  return a.kind === "gqa"
    ? `GQA, ${a.heads} heads of ${a.headDim}, ${a.kvHeads} for keys and values`
    : `MLA, ${a.heads} heads of ${a.nopeDim} + ${a.ropeDim} (rotary), values ${a.valueDim}, ranks ${a.qRank} and ${a.kvRank}`;
}

function ffn({ ffn: f }: ModelConfig): string {
  if (f.kind === "dense") return `dense, ${f.size}${f.gated ? ", gated" : ""}`;
  const router =
    f.router === "block"
      ? `ReLU router, norm ${f.routerNorm}`
      : `${f.router} router${f.router === "topp" ? ` ${f.topP}` : f.topK > 0 ? ` ${f.topK}` : ""}`;
  const dense = f.denseLayers === undefined ? "" : `; dense of ${f.denseSize} in ${f.denseLayers.length} layers`;
  return `${f.experts} experts of ${f.expertSize}, ${router}${f.sharedSize > 0 ? `, shared experts of ${f.sharedSize}` : ""}${dense}`;
}

async function drawHeatmap(
  context: Context,
  options: ModelOptions,
  out: { readonly path: string; readonly rule: OutputRule },
  textFile: string,
  asked = HEATMAP_TOKENS,
): Promise<void> {
  const text = await readTextFile(textFile, context.signal);
  const model = await openModel(context, options);
  try {
    const { config, loaded, tokenizer, name } = model;
    if (config.ffn.kind !== "experts") throw new UsageError(`${name} has no experts to draw`, { field: "heatmap" });
    const most = integer("maxTokens", asked, 1, config.contextLength);
    const ids = encodePrompt(text, tokenizer, config.vocabSize).subarray(0, most);
    const active = await traceExperts(loaded, ids, context.signal);
    const tokens = Array.from(ids, (id) => tokenizer?.decode([id], { continuation: true }) ?? String(id));
    const svg = heatmapSvg({
      layers: config.layers,
      expertLayers: expertLayers(config),
      experts: config.ffn.experts,
      tokens,
      active,
      title: `${basename(name)}: ${TITLE}`,
    });
    await writeOutput(out.path, out.rule, (file) => file.write(new TextEncoder().encode(svg)));
    if (options.json !== true) context.io.err(`wrote ${out.path}: ${ids.length} tokens\n`);
  } finally {
    model.dispose();
  }
}
