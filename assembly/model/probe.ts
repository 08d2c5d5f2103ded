import { LAYER_BYTES, MODEL_LAYER_TABLE } from "../layout";
import { ptr } from "./descriptor";
import { ffn } from "./ffn";
import { beginPass } from "./pass";

/** Runs only the feed-forward branch of a layer on the n normed rows that scratch holds: for measuring it by itself. */
export function ffnBranch(model: usize, sequence: usize, n: i32, layer: i32): void {
  ffn(beginPass(model, sequence, n, 0, 0), ptr(model, MODEL_LAYER_TABLE) + <usize>layer * LAYER_BYTES, layer);
}
