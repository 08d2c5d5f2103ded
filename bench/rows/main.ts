import { cpus } from "node:os";
import { nodeHost } from "../../host/node/index.ts";
import type { Tier } from "../../src/host.ts";
import { loadModel } from "../../src/load/load.ts";
import { hostOf } from "./engines.ts";
import { benchProducts, type RowsProduct } from "./products.ts";
import { benchParts, type RowsPart } from "./parts.ts";
import { benchPasses, benchPrefill, sameReadAhead, type Build, type RowsPass, type RowsPrefill } from "./passes.ts";

export interface RowsRequest {
  /** A packed model or folder. */
  readonly model: string;
  readonly tier: Tier;
  /** Folders of other builds' engines, measured in turn with this one's. */
  readonly against: readonly string[];
  readonly contexts: readonly number[];
  /** Rows of a pass: divisors of 16. */
  readonly counts: readonly number[];
  /** Tokens of a prompt; 0 leaves prefill out. */
  readonly prefill: number;
  /** Whether to measure the parts of a pass, and its products by themselves. */
  readonly products: boolean;
  readonly rounds: number;
  readonly onProgress: (what: string) => void;
}

export interface RowsReport {
  readonly machine: { readonly cpu: string; readonly node: string };
  readonly model: string;
  readonly quantization: string;
  readonly tier: Tier;
  readonly passes: readonly RowsPass[];
  readonly prefill: readonly RowsPrefill[];
  readonly parts: readonly RowsPart[];
  readonly products: readonly RowsProduct[];
}

/** Measures what further rows of a pass cost, on one thread. */
export async function runRows(request: RowsRequest): Promise<RowsReport> {
  const { tier, rounds, onProgress } = request;
  const hosts = [{ name: "this", host: nodeHost }, ...request.against.map((folder) => ({ name: folder, host: hostOf(folder) }))];
  const builds: Build[] = [];
  for (const { name, host } of hosts) builds.push({ name, model: await loadModel(host, request.model, { tier, threads: 1 }) });
  sameReadAhead(builds);
  const passes = request.contexts.flatMap((context) => {
    onProgress(`passes behind ${context} tokens`);
    return benchPasses(builds, context, request.counts, rounds);
  });
  onProgress("prefill");
  const prefill = request.prefill === 0 ? [] : benchPrefill(builds, request.prefill, rounds);
  onProgress("parts");
  const parts = request.products ? benchParts(builds, request.counts, rounds) : [];
  onProgress("products");
  const products = request.products ? await benchProducts(hosts, tier, builds[0]!.model, request.counts, rounds) : [];
  const { name, quantization } = builds[0]!.model;
  for (const { model } of builds) model.dispose();
  const machine = { cpu: cpus()[0]?.model.trim() ?? "unknown", node: process.version };
  return { machine, model: name, quantization, tier, passes, prefill, parts, products };
}
