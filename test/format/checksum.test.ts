import { expect, it } from "vitest";
import { finishChecksum, firstLane, joinLanes, tailByte, tailWord } from "../../core/checksum.ts";
import { Engine } from "../../src/engine/engine.ts";
import { Checksum } from "../../src/format/checksum.ts";
import { engineModule, TIERS } from "../helpers/test-host.ts";

const DATA = Uint8Array.from({ length: 5000 }, (_, i) => (i * i * 7 + i * 13 + 5) & 255);
/** Of the first so many bytes: xxhash 3.5.0 for Python (the reference implementation), xxh32 with seed 0. */
const EXPECTED: readonly (readonly [bytes: number, checksum: number])[] = [
  [0, 46947589],
  [1, 360284136],
  [3, 2279459730],
  [4, 2617364692],
  [7, 1759487026],
  [15, 3013889365],
  [16, 1907576499],
  [17, 4262612773],
  [31, 2555667362],
  [32, 723139676],
  [39, 1526657079],
  [64, 3561100895],
  [255, 2084116969],
  [1000, 3568998156],
  [4096, 2991712155],
  [5000, 3612276183],
];

it.each(EXPECTED)("%i bytes, in pieces of any length", (length, want) => {
  for (const piece of [1, 3, 16, 37, 5000]) {
    const sum = new Checksum();
    for (let at = 0; at < length; at += piece) sum.add(DATA.subarray(at, Math.min(length, at + piece)));
    expect(sum.value(), `pieces of ${piece}`).toBe(want);
  }
});

it.each(TIERS)("%s: the engine's stripes are the same", async (tier) => {
  const engine = await Engine.create(engineModule(tier));
  const lanes = engine.exports.heapBase() >>> 0;
  const at = lanes + 64;
  engine.reserve(at + DATA.length, "the test");
  for (const [length, want] of EXPECTED) {
    engine.bytes(at, DATA.length).set(DATA);
    engine.u32(lanes, 4).set(Array.from({ length: 4 }, (_, lane) => firstLane(lane)));
    const stripes = length >> 4;
    engine.exports.checksumStripes(lanes, at, stripes >> 1);
    engine.exports.checksumStripes(lanes, at + (stripes >> 1) * 16, stripes - (stripes >> 1));
    const [a, b, c, d] = Int32Array.from(engine.u32(lanes, 4)) as unknown as [number, number, number, number];
    let state = joinLanes(a, b, c, d, length);
    const view = new DataView(DATA.buffer);
    let tail = stripes * 16;
    for (; tail + 4 <= length; tail += 4) state = tailWord(state, view.getInt32(tail, true));
    for (; tail < length; tail++) state = tailByte(state, DATA[tail]!);
    expect(finishChecksum(state) >>> 0, String(length)).toBe(want);
  }
});
