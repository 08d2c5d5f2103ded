import { defineConfig } from "vitest/config";

const shared = {
  // Limits are for what hangs, not for what is slow: a test waits its turn behind whatever else the machine does.
  testTimeout: 300_000,
  hookTimeout: 300_000,
  // Two cores, and one engine instance per file: more workers only thrash.
  maxWorkers: 2,
};
/** Node 20 has relaxed SIMD behind a flag, and compiles it rightly only with its optimising compiler. Later versions run it as it is. */
const relaxedFlags = Number(process.versions.node.split(".")[0]) < 22 ? ["--experimental-wasm-relaxed-simd", "--no-liftoff"] : [];

export default defineConfig({
  test: {
    projects: [
      { test: { ...shared, name: "all", include: ["test/**/*.test.ts"] } },
      ...(relaxedFlags.length === 0
        ? []
        : [
            {
              test: {
                ...shared,
                name: "relaxed",
                include: [
                  "test/kernels/**/*.test.ts",
                  "test/engine/{golden,dense-models,chunks,rows,ragged,tier,nano}.test.ts",
                  "test/bench/instructions.test.ts",
                ],
                pool: "forks" as const,
                execArgv: relaxedFlags,
              },
            },
          ]),
    ],
  },
});
