import { LAYOUT_VERSION } from "../../core/layout/matrix.ts";
import { PART_ALIGN, type WeightPlan } from "../../core/plan.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import type { DraftLayout } from "../../src/architecture/draft-head.ts";
import { quantizationOf } from "../../src/architecture/plan.ts";
import { CHAT_TEMPLATE, CONFIG, DRAFT, LAYOUT, QUANTIZATION, VERSION } from "../../src/format/packed/keys.ts";
import { encodeSafetensorsHeader, type NamedTensor } from "../../src/format/safetensors/safetensors.ts";
import type { ChatTemplate } from "../../src/text/chat-template.ts";

const TOKENIZER = "tokenizer.json";

/** Lays out a packed file of format 1, or 2 with a draft head, which are read and no longer written: its first bytes (header and tokenizer, padded) and where the weights start. */
export function encodePacked(
  config: ModelConfig,
  plan: WeightPlan,
  tokenizerJson: Uint8Array | undefined,
  { draft, chatTemplate }: { readonly draft?: DraftLayout | undefined; readonly chatTemplate?: ChatTemplate | undefined } = {},
): { head: Uint8Array; weightsOffset: number; fileSize: number } {
  const tensors: NamedTensor[] = plan.parts.map((part) => ({ name: part.name, dtype: "U8", shape: [part.bytes] }));
  if (tokenizerJson !== undefined) tensors.unshift({ name: TOKENIZER, dtype: "U8", shape: [tokenizerJson.length] });
  const metadata = new Map([
    ["format", "blockffn"],
    [VERSION, draft === undefined ? "1" : "2"],
    [LAYOUT, String(LAYOUT_VERSION)],
    [QUANTIZATION, quantizationOf(plan)],
    [CONFIG, JSON.stringify(config)],
    ...(chatTemplate === undefined ? [] : [[CHAT_TEMPLATE, JSON.stringify(chatTemplate)] as const]),
  ]);
  if (draft !== undefined) {
    metadata.set(DRAFT, JSON.stringify(draft.config));
    tensors.push(...draft.parts.map(({ name, bytes }): NamedTensor => ({ name, dtype: "U8", shape: [bytes] })));
  }
  const layout = encodeSafetensorsHeader(tensors, metadata, { align: PART_ALIGN });
  const first = layout.tensors[tokenizerJson === undefined ? 0 : 1];
  const weightsOffset = first === undefined ? layout.fileSize : first.offset;
  const head = new Uint8Array(weightsOffset);
  head.set(layout.header);
  if (tokenizerJson !== undefined) head.set(tokenizerJson, layout.header.length);
  return { head, weightsOffset, fileSize: layout.fileSize };
}
