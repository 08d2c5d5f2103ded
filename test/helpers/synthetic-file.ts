import { closeSync, openSync, writeSync } from "node:fs";
import { syntheticModel } from "../../synthetic/model.ts";
import { encodePacked } from "./packed-v2.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { testHost } from "./test-host.ts";

/** Writes a packed model of a shape, with random weights and no tokenizer. @returns bytes of the file */
export async function writeSynthetic(path: string, config: ModelConfig, quantization: Quantization): Promise<number> {
  const model = await syntheticModel(testHost, config, quantization, "simd");
  const { head, fileSize } = encodePacked(config, model.plan, undefined);
  const file = openSync(path, "w");
  try {
    writeSync(file, head);
    const weights = model.engine.bytes(model.addresses.weights, fileSize - head.length);
    for (let at = 0; at < weights.length;) at += writeSync(file, weights, at, Math.min(1 << 26, weights.length - at));
  } finally {
    closeSync(file);
    model.dispose();
  }
  return fileSize;
}
