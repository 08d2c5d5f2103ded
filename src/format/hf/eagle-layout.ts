import { ConfigError } from "../../errors.ts";
import type { TensorSource } from "../tensors.ts";

const SUPPORTED =
  "supported are heads whose fc follows input_norm1 and input_norm2, as BlockFFN's have them; `blockffn train draft` trains one";

/** Which layout of EAGLE head the names of tensors are; undefined when they are none. */
function eagleLayout(tensors: TensorSource): "normed" | "plain" | "eagle3" | undefined {
  const names = new Set(tensors.names());
  if (names.has("d2t") || names.has("midlayer.self_attn.q_proj.weight")) return "eagle3";
  if (!names.has("fc.weight") || names.has("model.embed_tokens.weight")) return undefined;
  return names.has("input_norm1.weight") || names.has("input_norm2.weight") ? "normed" : "plain";
}

/** @throws ConfigError naming the layout, for a head of one that is not supported. */
export function checkEagleLayout(tensors: TensorSource): void {
  const layout = eagleLayout(tensors);
  const where = { file: tensors.name, field: "layout" };
  if (layout === "plain")
    throw new ConfigError(`is a head of the plain EAGLE-1 and EAGLE-2 layout, without norms before fc; ${SUPPORTED}`, where);
  if (layout === "eagle3") throw new ConfigError(`is an EAGLE-3 head, which reads three layers of its model; ${SUPPORTED}`, where);
}

/** @throws ConfigError for a folder that holds a draft head where a model is meant. */
export function refuseEagleHead(tensors: TensorSource): void {
  if (eagleLayout(tensors) === undefined) return;
  checkEagleLayout(tensors);
  throw new ConfigError(
    "is an EAGLE head, not a model: pack it into the one that it drafts for, `blockffn convert MODEL --draft FOLDER --out FILE`",
    { file: tensors.name, field: "layout" },
  );
}
