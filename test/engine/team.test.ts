import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { SCRATCH_BYTES, SCRATCH_NORMED } from "../../core/layout/scratch.ts";
import { loadModel as loadOnNode, ThreadError, UsageError } from "../../host/node/index.ts";
import { physicalCores } from "../../host/node/cores.ts";
import type { Host, Workers } from "../../src/host.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import { loadModel } from "../../src/load/load.ts";
import { bytesPerToken, chooseThreads } from "../../src/load/threads.ts";
import { startWorkers } from "../../src/engine/start-threads.ts";
import { TeamGuard } from "../../src/engine/team-guard.ts";
import type { LoadOptions } from "../../src/engine/types.ts";
import { MemoryFiles } from "../helpers/memory-files.ts";
import { testHost } from "../helpers/test-host.ts";
import { onAllThreads } from "../../synthetic/threads.ts";
import { liveThreads, sharedCalls, threadedHost } from "../helpers/threads.ts";
import { TINY_CONFIGS, tinyCheckpoint } from "../helpers/tiny-checkpoint.ts";

const files = (): MemoryFiles => new MemoryFiles(tinyCheckpoint(TINY_CONFIGS.block));
const load = async (options: LoadOptions = {}, host: Host = threadedHost()): Promise<ModelInstance> =>
  onAllThreads(await loadModel({ ...host, open: async () => files() }, "tiny", options));

/** Waits until no more threads live than `most`; gives how many do. */
async function settle(most: number): Promise<number> {
  for (let i = 0; i < 100 && liveThreads() > most; i++) await sleep(50);
  return liveThreads();
}

describe("a failing thread", () => {
  it("ends the call with a ThreadError that names the model, and all later calls, but not other models", async () => {
    const model = await load({ threads: 2 });
    const sequence = model.newSequence({ capacity: 8 });
    sequence.forward([1]);
    // The worker's table for calls of one row: its normed rows are now outside memory.
    new DataView(model.engine.memory.buffer).setUint32(model.addresses.scratch + SCRATCH_BYTES + SCRATCH_NORMED, 0xffff_0000, true);
    const start = performance.now();
    expect(() => sequence.forward([2])).toThrow(ThreadError);
    // Heard of at once, not when the patience of 30 s is over.
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(() => sequence.forward([2, 3])).toThrow(/memory: a thread of the engine failed.*load the model again/);
    model.dispose();
    const again = await load({ threads: 2 });
    again.newSequence({ capacity: 8 }).forward([2]);
    again.dispose();
  });

  it("that vanished is given up after a while", async () => {
    let workers: Workers | undefined;
    const model = await load(
      { threads: 3 },
      threadedHost(testHost, (w) => {
        workers = w;
      }),
    );
    const sequence = model.newSequence({ capacity: 8 });
    sequence.forward([1]);
    (model.engine.team as NonNullable<typeof model.engine.team>).patience = 300;
    // Its end could be heard of only when the event loop runs again.
    workers?.terminate();
    expect(() => sequence.forward([2])).toThrow(ThreadError);
    model.dispose();
  });

  it("that ends while nothing is computed is heard of", async () => {
    let workers: Workers | undefined;
    const model = await load(
      { threads: 2 },
      threadedHost(testHost, (w) => {
        workers = w;
      }),
    );
    workers?.terminate();
    await sleep(200);
    expect(() => model.newSequence({ capacity: 8 }).forward([2])).toThrow(/ended with code/);
    model.dispose();
  });

  it("at the start is an error where threads were asked for, and none where they were not", async () => {
    const broken: Host = { ...testHost, threads: { cores: 2, start: () => Promise.reject(new Error("no more threads")) } };
    await expect(load({ threads: 2 }, broken)).rejects.toThrow(/tiny|memory: threads: 2 threads could not be started/);
    const engine = await Engine.start(broken, "simd", { threads: 2, wait: false });
    let called = 0;
    engine.run(1, () => called++);
    await sleep(0);
    expect([engine.threads, called]).toEqual([1, 1]);
    engine.dispose();
    // Nor is a runtime that refuses the memory, or an engine for threads that is not served.
    const unserved: Host = {
      ...broken,
      engine: (tier, threads) => (threads === true ? Promise.reject(new Error("404")) : testHost.engine(tier)),
    };
    expect((await Engine.start(unserved, "simd", { threads: 2, name: "x", wait: false })).team).toBeUndefined();
    await expect(Engine.start(unserved, "simd", { threads: 2, name: "x" })).rejects.toThrow(
      /x: threads: 2 threads could not be started \(404\); ask for fewer/,
    );
  });
});

describe("startWorkers", () => {
  /** A worker that begins, fails or does neither; `ended` counts those that are ended. */
  let ended = 0;
  const worker = (begun: Promise<void>) => ({ begun, terminate: () => void ended++ });

  it("gives up workers that do not begin, and leaves none behind", async () => {
    ended = 0;
    await expect(startWorkers(3, (index) => worker(index === 2 ? new Promise(() => {}) : Promise.resolve()), 50)).rejects.toThrow(
      "a worker did not begin within 0.05 s",
    );
    expect(ended).toBe(3);
    await expect(startWorkers(3, () => worker(Promise.reject(new Error("no script"))))).rejects.toThrow("no script");
    expect(ended).toBe(6);
  });

  it("ends those that it has started when the next one cannot be made", async () => {
    ended = 0;
    const start = (index: number) => {
      if (index === 3) throw new Error("not allowed");
      return worker(index === 1 ? Promise.reject(new Error("ended")) : new Promise<void>(() => {}));
    };
    await expect(startWorkers(4, start)).rejects.toThrow("not allowed");
    expect(ended).toBe(2);
  });
});

it("a worker that ends before all have begun: an error where threads were asked for, else the caller goes on alone", async () => {
  let ended = 0;
  const host: Host = {
    ...testHost,
    threads: {
      cores: 2,
      start: async (_module, _memory, _count, onFailure) => {
        onFailure(new Error("gone"));
        return { terminate: () => void ended++ };
      },
    },
  };
  await expect(load({ threads: 2 }, host)).rejects.toThrow(ThreadError);
  expect(ended).toBe(1);
  const engine = await Engine.start(host, "simd", { threads: 2, wait: false });
  await sleep(0);
  let called = 0;
  engine.run(1, () => called++);
  expect([called, ended]).toEqual([1, 2]);
  engine.dispose();
});

describe("workers", () => {
  it.skipIf(liveThreads() === 0)("end with their model, loaded well or not", async () => {
    (await load({ threads: 3 })).dispose();
    await sleep(300);
    const before = liveThreads();
    for (let i = 0; i < 12; i++) {
      const model = await load({ threads: 3 });
      if (i % 2 === 0) model.newSequence({ capacity: 8 }).forward([1, 2, 3]);
      model.dispose();
      model.dispose();
      expect(() => model.newSequence()).toThrow(UsageError);
      const damaged = {
        ...threadedHost(),
        open: async () => new MemoryFiles({ ...tinyCheckpoint(TINY_CONFIGS.block), "model.safetensors": new Uint8Array(9) }),
      };
      await expect(loadModel(damaged, "x", { threads: 2 })).rejects.toThrow();
    }
    expect(await settle(before)).toBeLessThanOrEqual(before);
  });

  it("of several models work side by side", async () => {
    const models = await Promise.all([2, 3, 2].map((threads) => load({ threads })));
    const alone = await load({ threads: 1 });
    const expected = alone.newSequence({ capacity: 8 }).forward([1, 2, 3]).logits(0).slice();
    for (const model of models) {
      expect(model.newSequence({ capacity: 8 }).forward([1, 2, 3]).logits(0).slice()).toEqual(expected);
      expect(sharedCalls(model)).toBe(1);
    }
    for (const model of [...models, alone]) model.dispose();
  });
});

describe("chooseThreads", () => {
  const config = { tied: true, ffn: { kind: "dense", size: 8, gated: true } } as ModelInstance["config"];
  const plan = (bytes: number): ModelInstance["plan"] =>
    ({ parts: [{ experts: false, name: "embed", bytes }] }) as unknown as ModelInstance["plan"];
  const withCores = (cores: number): Host => ({ ...testHost, threads: { cores, start: () => Promise.reject(new Error("unused")) } });

  it("takes the cores for models that are worth it, and what it is told", () => {
    expect(chooseThreads(withCores(4), config, plan(100e6), undefined)).toBe(4);
    expect(chooseThreads(withCores(64), config, plan(100e6), undefined)).toBe(8);
    expect(chooseThreads(withCores(4), config, plan(1e4), undefined)).toBe(1);
    expect(chooseThreads(withCores(4), config, plan(1e4), 3)).toBe(3);
    expect(chooseThreads(testHost, config, plan(100e6), undefined)).toBe(1);
    expect(chooseThreads(testHost, config, plan(100e6), 1)).toBe(1);
  });

  it.each([0, -1, 1.5, NaN, 33])("refuses %d", (threads) => {
    expect(() => chooseThreads(withCores(4), config, plan(1), threads)).toThrow(UsageError);
  });

  it("refuses several where the runtime has none", async () => {
    await expect(load({ threads: 2 }, testHost)).rejects.toThrow(/threads: this runtime has no threads/);
  });

  it("counts an untied embedding as not read, and of experts those that are active", () => {
    const parts = [
      { experts: false, name: "embed", bytes: 100 },
      { experts: false, name: "head", bytes: 10 },
      { experts: true, name: "layers.0.experts", bytes: 80 },
    ];
    const of = (tied: boolean, topK: number): number =>
      bytesPerToken(
        { tied, ffn: { kind: "experts", topK, experts: 8 } } as unknown as ModelInstance["config"],
        { parts } as unknown as ModelInstance["plan"],
      );
    expect(of(true, 0)).toBe(130);
    expect(of(false, 2)).toBe(30);
    expect(of(false, 8)).toBe(90);
  });

  it("counts this machine's cores", () => expect(physicalCores()).toBeGreaterThanOrEqual(1));
});

describe("TeamGuard", () => {
  /** Runs `calls` calls whose times are given; returns all time, and the calls that were shared. */
  function run(guard: TeamGuard, calls: number, alone: number, together: number): { time: number; shared: number } {
    let time = 0;
    let shared = 0;
    for (let i = 0; i < calls; i++) {
      const all = guard.together(1);
      const ms = all ? together : alone;
      if (all) shared++;
      time += ms;
      guard.record(1, all, ms);
    }
    return { time, shared };
  }

  it("keeps to threads that help, and loses little by trying", () => {
    const { time, shared } = run(new TeamGuard(), 2000, 10, 5.5);
    expect(shared).toBeGreaterThan(1900);
    expect(time / (2000 * 5.5)).toBeLessThan(1.03);
  });

  it("leaves threads that do not help", () => {
    const { time, shared } = run(new TeamGuard(), 2000, 10, 25);
    expect(shared).toBeLessThan(100);
    expect(time / (2000 * 10)).toBeLessThan(1.04);
  });

  it("notices a neighbour that comes, and that it goes", () => {
    const guard = new TeamGuard();
    run(guard, 500, 10, 6);
    const busy = run(guard, 500, 10, 40);
    expect(busy.time / (500 * 10)).toBeLessThan(1.15);
    run(guard, 600, 10, 6);
    expect(run(guard, 500, 10, 6).time / (500 * 6)).toBeLessThan(1.05);
  });

  it("finds that threads help although its first calls were slow, and workers that slept are late", () => {
    const guard = new TeamGuard();
    let shared = 0;
    let before = true;
    for (let i = 0; i < 1000; i++) {
      const all = guard.together(1);
      const cold = i < 20 ? 4 : 1;
      guard.record(1, all, all ? cold * (before ? 0.13 : 0.33) : 0.2);
      before = all;
      if (all && i >= 500) shared++;
    }
    expect(shared).toBeGreaterThan(450);
  });

  it("judges calls of each size by themselves", () => {
    const guard = new TeamGuard();
    for (let i = 0; i < 200; i++) {
      for (const rows of [1, 64]) {
        const all = guard.together(rows);
        guard.record(rows, all, rows === 1 ? (all ? 2 : 1) : all ? 50 : 100);
      }
    }
    expect([guard.together(1), guard.together(64)]).toEqual([false, true]);
  });
});

describe("loadModel on Node", () => {
  it("takes threads, which the default model is too small for by default", async () => {
    using two = await loadOnNode(undefined, { threads: 2 });
    using one = await loadOnNode(undefined, { threads: 1 });
    using some = await loadOnNode();
    expect([two.threads, one.threads, some.threads]).toEqual([2, 1, 1]);
    const text = async (model: typeof one): Promise<string> => (await model.generate("Once upon a time", { maxTokens: 40 }).result()).text;
    expect([await text(two), await text(some)]).toEqual([await text(one), await text(one)]);
  });
});
