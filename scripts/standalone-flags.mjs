/** How asc compiles what runs without JavaScript: the command and the component. wasm-opt optimises afterwards (build-wasi.mjs). */
export const STANDALONE_FLAGS = [
  ...["--config", "none"],
  ...["--runtime", "minimal"],
  "--noAssert",
  ...["--initialMemory", "2"],
  ...["--maximumMemory", "65536"],
  ...["--memoryBase", "1024"],
  "-O0",
  ...["--enable", "simd"],
];
