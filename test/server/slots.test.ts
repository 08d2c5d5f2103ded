import { describe, expect, it } from "vitest";
import { ApiError } from "../../src/server/errors.ts";
import { Slots, type Release } from "../../src/server/slots.ts";

const never = new AbortController().signal;

async function refusal(work: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

describe("slots", () => {
  it("are given in order, as many as there are", async () => {
    const slots = new Slots(2, 3);
    const order: number[] = [];
    const held: Release[] = [];
    const ask = (n: number): Promise<void> =>
      slots.acquire(never).then((release) => {
        order.push(n);
        held.push(release);
      });
    const all = [0, 1, 2, 3, 4].map(ask);
    await Promise.all(all.slice(0, 2));
    expect([slots.active, slots.waiting, order]).toEqual([2, 3, [0, 1]]);
    for (let i = 0; i < 5; i++) {
      await all[i];
      held[i]?.();
      // A second time changes nothing.
      held[i]?.();
    }
    expect([slots.active, slots.waiting, order]).toEqual([0, 0, [0, 1, 2, 3, 4]]);
  });

  it("are refused with 429 and a time when the queue is full", async () => {
    const slots = new Slots(1, 1);
    const release = await slots.acquire(never);
    const waiting = slots.acquire(never);
    const error = await refusal(slots.acquire(never));
    expect([error.status, error.code]).toEqual([429, "queue_full"]);
    expect(Number(error.headers["retry-after"])).toBeGreaterThanOrEqual(1);
    release();
    (await waiting)();
    expect(slots.active).toBe(0);
  });

  it("are left by those who go away while they wait, and not lost on those who go as they get one", async () => {
    const slots = new Slots(1, 4);
    const release = await slots.acquire(never);
    const gone = new AbortController();
    const late = new AbortController();
    const first = slots.acquire(gone.signal);
    const second = slots.acquire(late.signal);
    const third = slots.acquire(never);
    gone.abort(new Error("gone"));
    await expect(first).rejects.toThrow("gone");
    expect(slots.waiting).toBe(2);
    release();
    late.abort(new Error("late"));
    await expect(second).rejects.toThrow("late");
    (await third)();
    await expect(slots.acquire(gone.signal)).rejects.toThrow("gone");
    expect([slots.active, slots.waiting]).toEqual([0, 0]);
  });

  it("close: those who wait or come are refused, those who run end", async () => {
    const slots = new Slots(1, 2);
    const release = await slots.acquire(never);
    const waiting = refusal(slots.acquire(never));
    let closed = false;
    const closing = slots.close().then(() => (closed = true));
    expect((await waiting).status).toBe(503);
    expect((await refusal(slots.acquire(never))).status).toBe(503);
    await Promise.resolve();
    expect(closed).toBe(false);
    release();
    await closing;
    expect(slots.active).toBe(0);
    await new Slots(1, 0).close();
  });
});
