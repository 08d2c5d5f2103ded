import { UsageError } from "../errors.ts";
import type { LoadedModel } from "../engine/types.ts";
import { Pacer } from "../pause.ts";
import { promptChunk } from "./plain/prompt.ts";

/**
 * Runs tokens through a model and keeps which experts were active.
 * @returns bitmasks `[layers][tokens][ceil(experts / 32)]`, as `ForwardResult.activeExperts` has them for a chunk.
 * @throws UsageError for dense models, LimitError when the tokens do not fit the context.
 */
export async function traceExperts(model: LoadedModel, ids: Uint32Array, signal?: AbortSignal): Promise<Uint32Array> {
  const { ffn, layers } = model.config;
  if (ffn.kind !== "experts") throw new UsageError(`${model.name} has no experts`);
  const words = Math.ceil(ffn.experts / 32);
  const trace = new Uint32Array(layers * ids.length * words);
  const sequence = model.newSequence({ capacity: ids.length });
  const pacer = new Pacer(model.pause);
  try {
    const most = promptChunk(model);
    for (let at = 0; at < ids.length; at += most) {
      signal?.throwIfAborted();
      const { activeExperts, rows } = sequence.forward(ids.subarray(at, at + most), { logits: "none" });
      for (let layer = 0; layer < layers; layer++) {
        const chunk = activeExperts.subarray(layer * rows * words, (layer + 1) * rows * words);
        trace.set(chunk, (layer * ids.length + at) * words);
      }
      if (pacer.due) await pacer.pause();
    }
  } finally {
    sequence.dispose();
  }
  return trace;
}
