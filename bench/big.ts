import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { nodeHost, PACKAGE_ROOT } from "../host/node/index.ts";
import { UsageError } from "../src/errors.ts";
import type { Tier } from "../src/host.ts";
import type { Quantization } from "../src/architecture/quantization.ts";
import type { BigChildResult } from "./big-child.ts";
import { table } from "./measure.ts";
import { SHAPES } from "../synthetic/shapes.ts";
import { writeSynthetic } from "../synthetic/model.ts";

export interface BigRequest {
  readonly shape: string;
  readonly quantization: Quantization;
  readonly tier: Tier;
  /** Tokens that the sequence has room for; its cache is allocated at once. */
  readonly context: number;
  readonly onProgress: (what: string) => void;
}

export interface BigResult extends BigChildResult {
  readonly shape: string;
  readonly quantization: Quantization;
  readonly tier: Tier;
  readonly context: number;
  readonly fileBytes: number;
}

/**
 * Packs a shape with synthetic weights into a file, then lets a process of its own load it, take a sequence of the whole context and
 * decode: does a large model fit into 4 GiB of linear memory, how long does it load, how much memory does the process need?
 * @throws UsageError for an unknown shape; LimitError when it does not fit.
 */
export async function benchBig(request: BigRequest): Promise<BigResult> {
  const { shape, quantization, tier, context, onProgress } = request;
  const config = SHAPES[shape];
  if (config === undefined) throw new UsageError(`unknown shape ${shape}; known are ${Object.keys(SHAPES).join(", ")}`, { field: "shape" });
  const folder = await mkdtemp(join(tmpdir(), "blockffn-big-"));
  const path = join(folder, `${shape}.${quantization}.safetensors`);
  try {
    onProgress(`writing ${shape} with synthetic weights`);
    const fileBytes = await writeSynthetic(nodeHost, config, quantization, path, tier);
    onProgress("loading and decoding in a process of its own");
    const child = fileURLToPath(new URL("bench/dist/big-child.js", PACKAGE_ROOT));
    const { stdout } = await promisify(execFile)(process.execPath, [child, path, tier, String(context)]);
    return { shape, quantization, tier, context, fileBytes, ...(JSON.parse(stdout) as BigChildResult) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function formatBig(r: BigResult): string {
  return table(
    ["shape", "weights", "context", "file MB", "load s", "decode tok/s", "linear memory MB", "highest address", "peak RSS MB"],
    [
      [
        r.shape,
        `${r.quantization} ${r.tier}`,
        String(r.context),
        r.fileBytes / 1e6,
        r.loadMs / 1000,
        r.decodeTokensPerSecond,
        r.linearBytes / 1e6,
        `0x${r.highestAddress.toString(16)}`,
        r.peakRssBytes / 1e6,
      ],
    ],
  );
}
