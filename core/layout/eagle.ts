// EAGLE head: a model descriptor of its own (its layers, scratch, vocabulary; embedding and head are the base model's), then these fields.
import { MATRIX_BYTES } from "./matrix.ts";
import { MODEL_BYTES } from "./model.ts";

/** The left half of fc, for the embedding, and the right half, for the hidden state: [hidden, hidden] each. */
export const EAGLE_FC_EMBED = MODEL_BYTES;
export const EAGLE_FC_HIDDEN = EAGLE_FC_EMBED + MATRIX_BYTES;
/** f32 [hidden]: fc's bias, and the norms of fc's two inputs. */
export const EAGLE_FC_BIAS = EAGLE_FC_HIDDEN + MATRIX_BYTES;
export const EAGLE_EMBED_NORM = EAGLE_FC_BIAS + 4;
export const EAGLE_HIDDEN_NORM = EAGLE_EMBED_NORM + 4;
/** f32 [n, hidden padded]: the hidden state that comes with each token; the host writes it. */
export const EAGLE_HIDDEN = EAGLE_HIDDEN_NORM + 4;
export const EAGLE_BYTES = EAGLE_HIDDEN + 4;
