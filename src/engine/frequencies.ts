import type { ModelConfig } from "../architecture/config.ts";
import { architectureOf } from "../architecture/flat.ts";
import type { EngineExports } from "./exports.ts";

/** Writes RoPE's inverse frequencies of a model, f32 [rotated / 2], to address `at`. */
export function writeFrequencies(exports: EngineExports, config: ModelConfig, at: number): void {
  const { ropeTheta, rotated, ropeFactor, ropeLow, ropeHigh, ropeOriginal } = architectureOf(config);
  exports.ropeFrequencies(ropeTheta, rotated, ropeFactor, ropeLow, ropeHigh, ropeOriginal, at);
}
