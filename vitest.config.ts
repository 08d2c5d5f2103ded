import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    // Two cores, and one engine instance per file: more workers only thrash.
    maxWorkers: 2,
  },
});
