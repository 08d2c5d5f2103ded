/**
 * The experts of one row of a chunk, copied: `[layers][words]`.
 * @param mask active experts `[layers][rows][words]`, as `ForwardResult.activeExperts` has them
 */
export function rowExperts(mask: Uint32Array, layers: number, rows: number, row: number): Uint32Array {
  if (rows === 1) return mask.slice();
  const words = mask.length / (layers * rows);
  const own = new Uint32Array(layers * words);
  for (let layer = 0; layer < layers; layer++) {
    const at = (layer * rows + row) * words;
    own.set(mask.subarray(at, at + words), layer * words);
  }
  return own;
}

/** The experts of several rows of a chunk, each copied. */
export function pathExperts(
  { activeExperts, rows }: { readonly activeExperts: Uint32Array; readonly rows: number },
  layers: number,
  path: readonly number[],
): Uint32Array[] {
  return path.map((row) => rowExperts(activeExperts, layers, rows, row));
}
