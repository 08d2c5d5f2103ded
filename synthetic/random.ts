/** Fills memory with pseudo-random words (xorshift32), so that no page is the shared zero page. */
export function fillRandom(words: Uint32Array, seed: number): void {
  let s = seed | 1;
  for (let i = 0; i < words.length; i++) {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    words[i] = s;
  }
}

/** Fills with values uniform in (-scale, scale). */
export function fillUniform(values: Float32Array, seed: number, scale: number): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  fillRandom(words, seed);
  for (let i = 0; i < values.length; i++) values[i] = ((words[i] as number) / 2 ** 31 - 1) * scale;
}
