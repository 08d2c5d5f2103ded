import { expect, it } from "vitest";
import { benchParts } from "../../bench/rows/parts.ts";
import { benchPasses, benchPrefill, COVERED, sameReadAhead } from "../../bench/rows/passes.ts";
import { rowsText } from "../../bench/rows/text.ts";
import { nodeHost } from "../../host/node/index.ts";
import { DEFAULT_MODEL } from "../../host/node/package.ts";
import { loadModel } from "../../src/load/load.ts";
import { TEAM_READ_AHEAD } from "../../core/layout/team.ts";

const load = (): ReturnType<typeof loadModel> => loadModel(nodeHost, DEFAULT_MODEL, { tier: "simd", threads: 1 });

it("bench rows: every count of rows covers the same tokens, and what it did is forgotten", async () => {
  const model = await load();
  const builds = [{ name: "this", model }];
  const calls: number[][] = [];
  const sequence = model.newSequence.bind(model);
  model.newSequence = (options) => {
    const made = sequence(options);
    const forward = made.forward.bind(made);
    made.forward = (tokens, how) => {
      calls.push([made.length, ...Array.from(tokens)]);
      return forward(tokens, how);
    };
    return made;
  };
  const passes = benchPasses(builds, 20, [1, 4, 16], 2);
  expect(passes.map(({ rows, context }) => [rows, context])).toEqual([
    [1, 20],
    [4, 20],
    [16, 20],
  ]);
  const text = rowsText(model, 20 + COVERED);
  expect(calls[0]).toEqual([0, ...text.slice(0, 20)]);
  const covered = calls.slice(1).map(([at, ...tokens]) => tokens.map((token, i) => [at! + i, token]));
  const round = text.slice(20).map((token, i) => [20 + i, token]);
  // Three counts, two rounds and one to warm up.
  expect(covered.flat()).toEqual(Array.from({ length: 9 }, () => round).flat());
  expect(benchPrefill(builds, 70, 1).map(({ tokens }) => tokens)).toEqual([70]);
  model.dispose();
});

it("bench rows: parts of a pass are the dense matrices, routers and experts, and the head", async () => {
  const model = await load();
  const parts = benchParts([{ name: "this", model }], [2], 1);
  expect(parts.map(({ part, rows }) => [part, rows])).toEqual([
    ["dense matrices", 2],
    ["routers and experts", 2],
    ["head", 2],
  ]);
  for (const { min, median } of parts) expect(min).toBeLessThanOrEqual(median);
  model.dispose();
});

it("bench rows: all builds read ahead, or none", async () => {
  const models = await Promise.all([load(), load()]);
  const readAhead = (): number[] => models.map(({ engine }) => engine.u32(engine.exports.team() + TEAM_READ_AHEAD, 1)[0]!);
  models[0]!.engine.exports.setReadAhead(1);
  models[1]!.engine.exports.setReadAhead(0);
  sameReadAhead(models.map((model) => ({ name: "", model })));
  expect(readAhead()).toEqual([1, 1]);
  models.forEach((model) => model.dispose());
});
