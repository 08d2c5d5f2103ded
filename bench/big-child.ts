// Loads a packed model, decodes some tokens in a sequence of a given capacity, prints one JSON line: node big-child.js FILE TIER CAPACITY
import { readFileSync } from "node:fs";
import { nodeHost } from "../host/node/index.ts";
import type { Tier } from "../src/host.ts";
import { loadModel } from "../src/load/load.ts";

export interface BigChildResult {
  readonly loadMs: number;
  readonly decodeTokensPerSecond: number;
  /** Size of the WebAssembly memory, and the last byte of the sequence's cache in it. */
  readonly linearBytes: number;
  readonly highestAddress: number;
  /** Most resident memory that the process ever had. */
  readonly peakRssBytes: number;
}

const PROMPT = 16;
const TOKENS = 16;

const [path, tier, capacity] = process.argv.slice(2) as [string, Tier, string];
const start = performance.now();
const model = await loadModel(nodeHost, path, { tier });
const loadMs = performance.now() - start;
const sequence = model.newSequence({ capacity: Number(capacity) });
let id = sequence.forward(Array.from({ length: PROMPT }, (_, i) => (i * 37 + 11) % model.config.vocabSize)).argmax(0);
const decodeStart = performance.now();
for (let i = 0; i < TOKENS; i++) id = sequence.forward([id]).argmax(0);
const decodeMs = performance.now() - decodeStart;
const linearBytes = model.engine.memory.buffer.byteLength;
const result: BigChildResult = {
  loadMs,
  decodeTokensPerSecond: (1000 * TOKENS) / decodeMs,
  linearBytes,
  highestAddress: linearBytes - 1,
  peakRssBytes: peakRss(),
};
process.stdout.write(`${JSON.stringify(result)}\n`);

function peakRss(): number {
  try {
    return Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
