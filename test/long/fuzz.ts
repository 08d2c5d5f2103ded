import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CheckOptions, Finding, LongCheck } from "./check.ts";
import { GGUF_KIND, KINDS, makeCase, type FuzzCase } from "./fuzz/cases.ts";
import { HOSTS, place } from "./fuzz/hosts.ts";
import { measured } from "./fuzz/measure.ts";
import { seeded } from "./fuzz/random.ts";

const COUNT = 4000;
const SEED = 20_261_128;
const BLOCK_MS = 1000;
const SPARE_BYTES = 64 << 20;
/** Memory that a tokenizer may take, in sizes of its JSON. */
const TOKENIZER_TIMES = 4;
/** One of so many cases starts a process: 236 of 4,000, of every kind, as this and the number of kinds have no factor in common but 1. */
const PROCESS_EVERY = 17;

export const fuzz: LongCheck = {
  name: "fuzz",
  about: `${COUNT} hostile models (--count) by the library, the command line, in-process and as a process, and the WASI command: none blocks for ${BLOCK_MS} ms, takes far more memory than its size, or ends untyped`,
  run: runFuzz,
};

/** Runs cases of all kinds in turn. BLOCKFFN_FUZZ=SEED tries others, and tells of each that fails. */
async function runFuzz({ count = COUNT, onProgress }: CheckOptions): Promise<Finding[]> {
  const folder = mkdtempSync(join(tmpdir(), "blockffn-fuzz-"));
  const first = Number(process.env["BLOCKFFN_FUZZ"] ?? SEED);
  const tried = new Map<string, number>();
  const taken = new Map<string, number>();
  const all = count + Math.ceil(count / 10);
  let longest = 0;
  let most = -Infinity;
  let blocked = 0;
  let fat = 0;
  let untyped = 0;
  const tell = (seed: number, kind: string, host: string, what: string): void =>
    console.error(`fuzz: case ${seed}, ${kind}, ${host}: ${what}`);
  try {
    for (let i = 0; i < all; i++) {
      const seed = first + i;
      const random = seeded(seed);
      const kind = i < count ? KINDS[i % KINDS.length]! : GGUF_KIND;
      const made = await makeCase(kind, random);
      const host = i % PROCESS_EVERY === 0 ? "process" : hostOf(made, Math.floor(i / KINDS.length));
      tried.set(host, (tried.get(host) ?? 0) + 1);
      const path = place(made, folder);
      const { value: outcome, cost } = await measured(() =>
        HOSTS[host]!(path, folder, random).catch((error: unknown) => ({
          untyped: error instanceof Error ? (error.stack ?? error.message) : String(error),
        })),
      );
      const beyond = cost.bytes - allowed(made);
      if ("untyped" in outcome) {
        untyped++;
        tell(seed, kind, host, outcome.untyped);
      } else if (outcome.taken) taken.set(host, (taken.get(host) ?? 0) + 1);
      if (cost.blockMs > BLOCK_MS && ++blocked) tell(seed, kind, host, `${cost.blockMs.toFixed(0)} ms without a pause`);
      if (beyond > 0 && ++fat) tell(seed, kind, host, `${(cost.bytes / 1e6).toFixed(0)} MB`);
      longest = Math.max(longest, cost.blockMs);
      if (!Number.isNaN(beyond)) most = Math.max(most, beyond);
      if (i % 100 === 99) onProgress?.(`${i + 1} of ${all}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return [
    { what: "cases", value: all },
    ...Object.keys(HOSTS).flatMap((host) => [
      { what: `tried with ${host}`, value: tried.get(host) ?? 0 },
      { what: `taken by ${host}`, value: taken.get(host) ?? 0 },
    ]),
    { what: "longest block, ms", value: longest, limit: BLOCK_MS },
    { what: "bytes beyond what may be taken", value: most, limit: 0 },
    { what: "cases that blocked", value: blocked, limit: 0 },
    { what: "cases that took too much", value: fat, limit: 0 },
    { what: "cases that ended untyped", value: untyped, limit: 0 },
  ];
}

/** Packed files go to all hosts in turn, folders and GGUF files to those that read them. */
function hostOf({ kind, files }: FuzzCase, turn: number): string {
  const hosts = ["library", "cli", "wasi"].filter((host) => host !== "wasi" || (files.has("") && kind !== GGUF_KIND));
  return hosts[turn % hosts.length]!;
}

function allowed({ files }: FuzzCase): number {
  const sizes = [...files.values()].map(({ length }) => length);
  const tokenizer = files.get("tokenizer.json")?.length ?? files.get("")?.length ?? 0;
  return SPARE_BYTES + TOKENIZER_TIMES * tokenizer + sizes.reduce((a, b) => a + b, 0);
}
