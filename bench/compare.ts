import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { PACKAGE_ROOT } from "../host/node/package.ts";
import type { Tier } from "../src/host.ts";
import { table } from "./measure.ts";
import { estimate, type Estimate } from "./paired.ts";

export interface CompareRequest {
  /** Checkouts with a built dist/lib: the one to compare with, and this one by default. */
  readonly base: string;
  readonly head: string;
  /** A packed model, for both; `baseModel` where the base reads another format. */
  readonly model: string;
  readonly baseModel: string;
  readonly tier: Tier;
  /** Pairs of processes. */
  readonly pairs: number;
  readonly prefill: number;
  readonly decode: number;
  readonly onProgress: (what: string) => void;
}

const MEASURES = ["load", "prefill", "decode"] as const;
type Sample = Readonly<Record<(typeof MEASURES)[number], number>>;

export interface CompareRow {
  readonly measure: (typeof MEASURES)[number];
  /** Medians in milliseconds: of loading, of the prompt, of a new token. */
  readonly baseMs: number;
  readonly headMs: number;
  /** Of head over base, pair by pair: above 1 is slower. */
  readonly ratio: Estimate;
}

/** Times two builds in processes that take turns, who goes first changing from pair to pair. @returns a row a measure */
export async function compareBuilds(request: CompareRequest): Promise<CompareRow[]> {
  const samples: { base: Sample; head: Sample }[] = [];
  for (let pair = 0; pair < request.pairs; pair++) {
    request.onProgress(`pair ${pair + 1} of ${request.pairs}`);
    if (pair % 2 === 0) {
      const base = await sample(request.base, request.baseModel, request);
      samples.push({ base, head: await sample(request.head, request.model, request) });
    } else {
      const head = await sample(request.head, request.model, request);
      samples.push({ base: await sample(request.base, request.baseModel, request), head });
    }
  }
  return MEASURES.map((measure) => ({
    measure,
    baseMs: estimate(samples.map(({ base }) => base[measure])).median,
    headMs: estimate(samples.map(({ head }) => head[measure])).median,
    ratio: estimate(samples.map(({ base, head }) => head[measure] / base[measure])),
  }));
}

/** What a reader sees. */
export function formatCompare(rows: readonly CompareRow[]): string {
  return table(
    ["", "base ms", "head ms", "head / base", "95 % from", "to"],
    rows.map(({ measure, baseMs, headMs, ratio }) => [
      measure,
      baseMs,
      headMs,
      ratio.median.toFixed(3),
      ratio.low.toFixed(3),
      ratio.high.toFixed(3),
    ]),
  );
}

async function sample(root: string, model: string, { tier, prefill, decode }: CompareRequest): Promise<Sample> {
  const child = fileURLToPath(new URL("bench/compare-child.mjs", PACKAGE_ROOT));
  const { stdout } = await promisify(execFile)(process.execPath, [child, root, model, tier, String(prefill), String(decode)]);
  return JSON.parse(stdout) as Sample;
}
