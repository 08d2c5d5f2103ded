import { fail } from "../failure";

/** Slots looked at before a table is given up: only a file made to collide comes near it. */
const MAX_PROBES: u32 = 4096;

/** FNV-1a with a final mix, so that low bits are good. */
export function hashBytes(at: usize, length: u32): u32 {
  let h: u32 = 0x811c9dc5;
  for (let i: u32 = 0; i < length; i++) h = (h ^ load<u8>(at + i)) * 0x01000193;
  h ^= h >> 15;
  h *= 0x2c1b3c6d;
  return h ^ (h >> 13);
}

/** SplitMix64's finaliser. */
export function hashPair(left: u32, right: u32): u32 {
  let z = (((<u64>left) << 32) | right) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  return (<u32>(z ^ (z >> 31))) ^ (<u32>(z >> 32));
}

/** Smallest power of two with twice as many slots as entries. */
export function slotsFor(entries: u32): u32 {
  let slots: u32 = 16;
  while (slots < entries * 2) slots <<= 1;
  return slots;
}

/** Fails when a table was searched for too long. */
export function tooManyProbes(probes: u32, field: string): bool {
  if (probes < MAX_PROBES) return false;
  fail("its entries collide in a hash table; the file was made to", field);
  return true;
}
