import { Architecture } from "./architecture.ts";
import { Addresses } from "./descriptor.ts";
import { READ_AHEAD } from "./layout/memory.ts";
import { LAYER_BYTES, MODEL_BYTES } from "./layout/model.ts";
import { alignUp } from "./numbers.ts";

/** Where a model lies in linear memory, and the first byte behind it and behind what kernels may read past the last matrix. */
export class Placement {
  readonly addresses: Addresses = new Addresses();
  end: f64 = 0;
}

/**
 * Places [descriptor | layers | frequencies | scratch | weights].
 * @param base first byte that may be used
 * @param weightsAt where the weights are already, the rest then following them; -1 when they are not there yet
 */
export function placeModel(a: Architecture, scratchBytes: f64, weightBytes: f64, base: f64, weightsAt: f64): Placement {
  const placement = new Placement();
  const at = placement.addresses;
  const readBytes = weightBytes + READ_AHEAD;
  at.descriptor = alignUp(weightsAt < 0 ? base : weightsAt + readBytes, 64);
  at.layers = alignUp(at.descriptor + MODEL_BYTES, 64);
  at.frequencies = alignUp(at.layers + (a.layers as f64) * LAYER_BYTES, 64);
  at.scratch = alignUp(at.frequencies + (a.rotated as f64) * 2, 64);
  const behind = alignUp(at.scratch + scratchBytes, 64);
  at.weights = weightsAt < 0 ? behind : weightsAt;
  placement.end = weightsAt < 0 ? behind + readBytes : behind;
  return placement;
}
