// Linear memory as a whole. Everything in core/layout is plain constants, so that AssemblyScript and TypeScript read the same
// files: all fields are 4 bytes, pointers are byte addresses, and each offset is written here and nowhere else.

/** A host may lay out memory from here on before it has an engine: the engine's own data (`heapBase`) end below. */
export const HOST_BASE = 32768;
/** Kernels may read, and ignore, this many bytes past a matrix: memory must exist there. */
export const READ_AHEAD = 1024;
