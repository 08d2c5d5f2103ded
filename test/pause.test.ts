import { describe, expect, it } from "vitest";
import { inTurns, nextTask } from "../src/pause.ts";

describe("works that pause", () => {
  it("go on one by one, in the order in which they came", async () => {
    const tasks: (() => void)[] = [];
    const pause = inTurns(() => new Promise((resolve) => tasks.push(resolve)));
    const order: string[] = [];
    const work = async (name: string): Promise<void> => {
      for (let step = 0; step < 2; step++) {
        await pause();
        order.push(name + step);
      }
    };
    const all = Promise.all(["a", "b", "c"].map(work));
    for (let turn = 0; turn < 6; turn++) {
      expect([tasks.length, order.length]).toEqual([turn + 1, turn]);
      tasks[turn]?.();
      for (let i = 0; i < 10; i++) await null;
    }
    await all;
    expect(order).toEqual(["a0", "b0", "c0", "a1", "b1", "c1"]);
    // All went on; the next one begins anew.
    const last = pause();
    tasks[6]?.();
    await last;
  });

  it("let the event loop have a turn before each of them", async () => {
    let turns = 0;
    let over = false;
    const count = (): void => {
      turns++;
      if (!over) setImmediate(count);
    };
    setImmediate(count);
    const seen: number[] = [];
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let i = 0; i < 3; i++) {
          await nextTask();
          seen.push(turns);
        }
      }),
    );
    over = true;
    expect(new Set(seen).size).toBe(12);
  });
});
