import fc from "fast-check";
import { expect } from "vitest";
import { BlockFFNError } from "../../src/errors.ts";
import { countAllocations } from "./allocations.ts";

/** Something that reads untrusted bytes. */
export interface FuzzTarget {
  readonly name: string;
  /** A right file, small, from which wrong ones are made. */
  readonly bytes: Uint8Array;
  /** Opens such bytes and reads all that is in them. */
  readonly open: (bytes: Uint8Array) => Promise<unknown>;
}

/** Spare memory that reading may take beside the file's own size. */
const SPARE_BYTES = 64 << 20;
/** Milliseconds of the processor: how busy the machine is does not count. */
const SPARE_MS = 1000;

/** How often each target was tried, and how often it took what it got. */
export const fuzzCounts = new Map<string, { tried: number; taken: number }>();

/**
 * One case: it must succeed or end in a BlockFFNError subclass with `file` set, within a second of the processor, without asking for more
 * memory than the file's size and 64 MB.
 * @returns true when the bytes were taken
 */
export async function tryCase(target: FuzzTarget, bytes: Uint8Array): Promise<boolean> {
  let error: unknown;
  const heap = process.memoryUsage().heapUsed;
  const start = process.cpuUsage();
  const allocations = await countAllocations(async () => {
    error = await target.open(bytes).then(
      () => undefined,
      (e: unknown) => e ?? new Error("rejected with nothing"),
    );
  });
  const { user, system } = process.cpuUsage(start);
  const elapsed = (user + system) / 1000;
  // What was garbage before may be collected meanwhile, so this is a lower bound; the buffers are counted exactly.
  const grown = process.memoryUsage().heapUsed - heap;
  if (error !== undefined) {
    if (!(error instanceof BlockFFNError) || error.constructor === BlockFFNError) {
      expect.fail(`${target.name}: not a typed error: ${error instanceof Error ? error.stack : String(error)}`);
    }
    if (error.file === undefined) expect.fail(`${target.name}: an error without file: ${error.message}`);
    if (error.message.length > 2000) expect.fail(`${target.name}: a message of ${error.message.length} characters`);
  }
  expect(elapsed, `${target.name}: milliseconds`).toBeLessThan(SPARE_MS);
  expect(allocations.total, `${target.name}: bytes of buffers`).toBeLessThanOrEqual(bytes.length + SPARE_BYTES);
  expect(grown, `${target.name}: bytes of heap`).toBeLessThanOrEqual(bytes.length + SPARE_BYTES);
  const counts = fuzzCounts.get(target.name) ?? { tried: 0, taken: 0 };
  fuzzCounts.set(target.name, { tried: counts.tried + 1, taken: counts.taken + (error === undefined ? 1 : 0) });
  return error === undefined;
}

/** Numbers around the edges of the integer types. */
export const EDGE_NUMBERS: readonly number[] = [
  0,
  1,
  2,
  7,
  8,
  63,
  64,
  127,
  128,
  255,
  256,
  65_535,
  65_536,
  2 ** 24,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 32 + 1,
  2 ** 40,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 63,
  2 ** 64,
];
const EDGE_BYTES = [0x00, 0x01, 0x20, 0x22, 0x28, 0x2c, 0x2d, 0x2e, 0x30, 0x39, 0x5b, 0x5c, 0x5d, 0x65, 0x7b, 0x7d, 0x7f, 0x80, 0xff];

/** One damage to bytes; places are fractions of the length. */
type Damage = (bytes: Uint8Array) => Uint8Array;
// Without bias: fast-check would prefer the ends.
const place = fc.noBias(fc.integer({ min: 0, max: 2 ** 30 - 1 })).map((n) => n / 2 ** 30);
const at = (bytes: Uint8Array, where: number): number => Math.floor(where * bytes.length);

const damage: fc.Arbitrary<Damage> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(place, fc.integer({ min: 0, max: 7 })).map(
      ([p, bit]): Damage =>
        (b) =>
          edit(b, (c) => void (c[at(b, p)]! ^= 1 << bit)),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(place, fc.constantFrom(...EDGE_BYTES)).map(
      ([p, value]): Damage =>
        (b) =>
          edit(b, (c) => void (c[at(b, p)] = value)),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(place, fc.constantFrom(2, 4, 8), fc.constantFrom(...EDGE_NUMBERS)).map(
      ([p, size, n]): Damage =>
        (b) =>
          edit(b, (c) => {
            for (let i = 0; i < size; i++) if (at(b, p) + i < c.length) c[at(b, p) + i] = Math.floor(n / 2 ** (8 * i)) % 256;
          }),
    ),
  },
  {
    weight: 1,
    arbitrary: place.map(
      (p): Damage =>
        (b) =>
          b.slice(0, at(b, p)),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(place, fc.integer({ min: 1, max: 64 })).map(
      ([p, n]): Damage =>
        (b) =>
          join(b.subarray(0, at(b, p)), b.subarray(at(b, p) + n)),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 64 })).map(
      ([p, more]): Damage =>
        (b) =>
          join(b.subarray(0, at(b, p)), more, b.subarray(at(b, p))),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(place, place, fc.integer({ min: 1, max: 128 })).map(
      ([p, q, n]): Damage =>
        (b) =>
          edit(b, (c) => c.copyWithin(at(b, p), at(b, q), at(b, q) + n)),
    ),
  },
);

function edit(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice();
  if (copy.length > 0) change(copy);
  return copy;
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** Up to four damages, one after another. */
export const damages: fc.Arbitrary<Damage> = fc
  .array(damage, { minLength: 1, maxLength: 4 })
  .map((list) => (bytes) => list.reduce((b, d) => d(b), bytes));
