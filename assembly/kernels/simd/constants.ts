// V8 rebuilds a v128 constant at every use, three instructions each, also inside the innermost loop. A value that was loaded is kept in a
// register instead. So kernels load their masks before their loops (measured: bench/RESULTS.md, "constants").

const words = memory.data<u32>([0x00ff00ff, 0x000f000f, 0x00f000f0, 0x0f0f0f0f, 0x80808080, 0x4b400000, 0x00010001, 0x7f7f7f7f]);

/** 0x00ff in each of eight lanes. */
// @ts-ignore: decorator
@inline
export function mask00ff(): v128 {
  return v128.load32_splat(words);
}

/** 0x000f in each of eight lanes. */
// @ts-ignore: decorator
@inline
export function mask000f(): v128 {
  return v128.load32_splat(words, 4);
}

/** 0x00f0 in each of eight lanes. */
// @ts-ignore: decorator
@inline
export function mask00f0(): v128 {
  return v128.load32_splat(words, 8);
}

/** 0x0f in each byte. */
// @ts-ignore: decorator
@inline
export function mask0f(): v128 {
  return v128.load32_splat(words, 12);
}

/** 0x80 in each byte. */
// @ts-ignore: decorator
@inline
export function signs(): v128 {
  return v128.load32_splat(words, 16);
}

/** The f32 1.5 * 2^23 in each of four lanes: adding it leaves the nearest integer (ties to even) in the low bits, for |x| < 2^22. */
// @ts-ignore: decorator
@inline
export function magicNumber(): v128 {
  return v128.load32_splat(words, 20);
}

/** 1 in each of eight lanes. */
// @ts-ignore: decorator
@inline
export function pairOnes(): v128 {
  return v128.load32_splat(words, 24);
}

/** 0x7f in each byte. */
// @ts-ignore: decorator
@inline
export function mask7f(): v128 {
  return v128.load32_splat(words, 28);
}
