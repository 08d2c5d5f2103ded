import { finishChecksum, firstLane, joinLanes, LANES, round, STRIPE_BYTES, tailByte, tailWord } from "../../core/checksum.ts";

/** The checksum of core/checksum.ts over bytes that come in pieces of any length. */
export class Checksum {
  readonly #lanes = Int32Array.from({ length: LANES }, (_, lane) => firstLane(lane));
  /** What the last piece left over of a stripe. */
  readonly #rest = new Uint8Array(STRIPE_BYTES);
  #length = 0;

  add(bytes: Uint8Array): void {
    const held = this.#length % STRIPE_BYTES;
    this.#length += bytes.length;
    let at = 0;
    if (held > 0) {
      at = Math.min(STRIPE_BYTES - held, bytes.length);
      this.#rest.set(bytes.subarray(0, at), held);
      if (held + at < STRIPE_BYTES) return;
      this.#stripes(this.#rest);
    }
    const whole = bytes.length - ((bytes.length - at) % STRIPE_BYTES);
    this.#stripes(bytes.subarray(at, whole));
    this.#rest.set(bytes.subarray(whole));
  }

  /** An unsigned number of 32 bits. */
  value(): number {
    const [a, b, c, d] = this.#lanes as unknown as [number, number, number, number];
    const view = new DataView(this.#rest.buffer);
    const held = this.#length % STRIPE_BYTES;
    let state = joinLanes(a, b, c, d, this.#length);
    let at = 0;
    for (; at + 4 <= held; at += 4) state = tailWord(state, view.getInt32(at, true));
    for (; at < held; at++) state = tailByte(state, this.#rest[at] as number);
    return finishChecksum(state) >>> 0;
  }

  #stripes(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let [a, b, c, d] = this.#lanes as unknown as [number, number, number, number];
    for (let at = 0; at < bytes.length; at += STRIPE_BYTES) {
      a = round(a, view.getInt32(at, true));
      b = round(b, view.getInt32(at + 4, true));
      c = round(c, view.getInt32(at + 8, true));
      d = round(d, view.getInt32(at + 12, true));
    }
    this.#lanes.set([a, b, c, d]);
  }
}
