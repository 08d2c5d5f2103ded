import { LAYER_BYTES, MODEL_LAYER_TABLE, MODEL_SCRATCH } from "../../core/layout/model";
import { OWN_ROWS, SCRATCH_NORMED } from "../../core/layout/scratch";
import { ptr } from "./descriptor";
import { ffn, prepareFfn } from "./ffn";
import { beginPass } from "./pass";
import { endRows, firstOf, lastOf, NONE, takeRows, threadIndex } from "../team";

/** Runs only the feed-forward branch of a layer on the n normed rows that scratch holds: for measuring it by itself. */
export function ffnPass(model: usize, n: i32, index: i32): void {
  const p = beginPass(model, n);
  const layer = ptr(model, MODEL_LAYER_TABLE) + <usize>index * LAYER_BYTES;
  if (n <= OWN_ROWS && threadIndex() > 0) memory.copy(p.input.x, ptr(ptr(model, MODEL_SCRATCH), SCRATCH_NORMED), <usize>n * p.hiddenStride);
  let taken = NONE;
  while ((taken = takeRows(n)) !== NONE) prepareFfn(p, layer, firstOf(taken), lastOf(taken) - firstOf(taken));
  endRows(n);
  ffn(p, layer, index);
}
