import { planWeights } from "../../architecture/plan.ts";
import { ConfigError } from "../../errors.ts";
import { parseChatTemplate } from "../../text/chat-template.ts";
import { ggufText } from "../../text/model-text.ts";
import type { Checkpoint } from "../hf/checkpoint.ts";
import { checkTensors, expectedHfTensors } from "../hf/tensors.ts";
import type { ByteSource } from "../source.ts";
import { dequantize } from "./blocks.ts";
import { ggufConfig, ropeTheta, scalingOfFactors } from "./config.ts";
import { readGgufHeader, type GgufHeader } from "./header.ts";
import type { Metadata } from "./metadata.ts";
import { namePairs } from "./names.ts";
import { GgufTensors } from "./tensors.ts";
import { ggufTokenizer } from "./tokenizer.ts";
import { tokenId } from "./tokens.ts";
import { readRange } from "../bytes.ts";
import { Limits } from "../../../core/limits.ts";
import type { RopeScaling } from "../../architecture/config.ts";

/** What RoPE's frequencies are divided by (Llama 3.1). */
const ROPE_FACTORS = "rope_freqs.weight";

/**
 * Opens a GGUF file as a checkpoint: its tensors have the names and the order of a Hugging Face folder. Whoever opened it closes `tensors`.
 * @throws FormatError, ConfigError, LimitError naming file and key or tensor
 */
export async function openGguf(source: ByteSource): Promise<Checkpoint> {
  const header = await readGgufHeader(source);
  const { config, interleaved } = ggufConfig(header, await ropeScaling(source, header));
  const { attention } = config;
  const heads = interleaved && attention.kind === "gqa" ? { q: attention.heads, k: attention.kvHeads } : undefined;
  const pairs = namePairs(planWeights(config, "f32"), heads);
  refuseOthers(header, new Set([...pairs.map(({ gguf }) => gguf), ROPE_FACTORS]), source.name);
  const missing = pairs.find(({ gguf }) => !header.tensors.has(gguf));
  if (missing !== undefined)
    throw new ConfigError("there is no such tensor, but the model needs it", { file: source.name, field: missing.gguf });
  const tensors = new GgufTensors(source, header.tensors, pairs);
  checkTensors(expectedHfTensors(config), tensors, source.name);
  return { config, tensors, text: textOf(header.metadata) };
}

/** A tensor that nobody asks for would be left out of what is computed. */
function refuseOthers({ tensors, metadata }: GgufHeader, known: ReadonlySet<string>, file: string): void {
  const other = [...tensors.keys()].find((name) => !known.has(name));
  if (other === undefined) return;
  const architecture = metadata.text("general.architecture");
  throw new ConfigError(`is no tensor of a ${architecture} model that is supported`, { file, field: other });
}

async function ropeScaling(source: ByteSource, { tensors, metadata }: GgufHeader): Promise<RopeScaling | undefined> {
  const tensor = tensors.get(ROPE_FACTORS);
  if (tensor === undefined) return undefined;
  if (tensor.shape.length !== 1 || tensor.shape[0]! > Limits.headDim)
    throw new ConfigError(`[${tensor.shape.join(", ")}] is no factor for each pair of a head`, { file: source.name, field: ROPE_FACTORS });
  const factors = dequantize(tensor.type, await readRange(source, tensor.offset, tensor.bytes, ROPE_FACTORS));
  return scalingOfFactors(factors, ropeTheta(metadata), source.name, ROPE_FACTORS);
}

/** What the metadata say of text; read when it is asked for. */
function textOf(metadata: Metadata): Checkpoint["text"] {
  const field = "tokenizer.chat_template";
  const tokens = (): readonly string[] => metadata.texts("tokenizer.ggml.tokens") ?? [];
  const token = (name: "bos" | "eos" | "unknown" | "padding"): string | undefined => {
    const id = tokenId(metadata, name);
    return id === undefined ? undefined : tokens()[id];
  };
  const template = (): string | undefined => {
    const source = metadata.text(field);
    if (source === undefined || source === "") return undefined;
    const [bosToken, eosToken, unkToken, padToken] = [token("bos"), token("eos"), token("unknown"), token("padding")];
    return JSON.stringify({ source, bosToken, eosToken, unkToken, padToken });
  };
  return ggufText(
    () => ggufTokenizer(metadata),
    () => parseChatTemplate(template(), metadata.file, field),
  );
}
