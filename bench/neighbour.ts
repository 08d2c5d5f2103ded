import { spawn } from "node:child_process";
import { physicalCores } from "../host/node/cores.ts";
import type { ModelInstance } from "../src/engine/instance.ts";
import { timeDecode } from "./decode.ts";
import { median } from "./measure.ts";

export interface NeighbourResult {
  readonly model: string;
  readonly quantization: string;
  readonly threads: number;
  /** Other processes, each of which keeps a core busy. */
  readonly busyNeighbours: number;
  readonly decodeTokensPerSecond: number;
  /** Speed over that of one thread beside as many neighbours. */
  readonly overOneThread: number;
}

const PROMPT = [1, 5, 9, 2];
const TOKENS = 100;
const ROUNDS = 5;
const SETTLE_MS = 300;

/** Decode speed on one thread and on all cores, alternating, while nobody and while one other process computes. */
export async function benchNeighbour(
  name: string,
  open: (threads: number) => Promise<ModelInstance>,
  onProgress: (what: string) => void,
): Promise<NeighbourResult[]> {
  const models = [await open(1), await open(Math.max(2, physicalCores()))];
  const results: NeighbourResult[] = [];
  for (const busyNeighbours of [0, 1]) {
    onProgress(`decode beside ${busyNeighbours} busy processes`);
    const others = Array.from({ length: busyNeighbours }, () => spawn(process.execPath, ["-e", "for(;;);"], { stdio: "ignore" }));
    try {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      const times = models.map((): number[] => []);
      for (let round = -1; round < ROUNDS; round++) {
        models.forEach((model, i) => {
          const ms = timeDecode(model, PROMPT, TOKENS);
          if (round >= 0) (times[i] as number[]).push(ms);
        });
      }
      const speeds = times.map((list) => (TOKENS * 1000) / median(list));
      models.forEach((model, i) =>
        results.push({
          model: name,
          quantization: model.quantization,
          threads: model.threads,
          busyNeighbours,
          decodeTokensPerSecond: speeds[i] as number,
          overOneThread: (speeds[i] as number) / (speeds[0] as number),
        }),
      );
    } finally {
      for (const other of others) other.kill("SIGKILL");
    }
  }
  for (const model of models) model.dispose();
  return results;
}
