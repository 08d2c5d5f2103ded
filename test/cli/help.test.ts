import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { program as benchProgram } from "../../bench/cli/bench.ts";
import { program as blockffnProgram } from "../../cli/blockffn.ts";
import type { Context } from "../../cli/io.ts";
import { bench, blockffn, fakeIo } from "../helpers/fake-io.ts";

/** Every command of a program by its words, found in the program itself. */
function commandsOf(program: (context: Context) => Command): string[][] {
  const paths: string[][] = [[]];
  const walk = (command: Command, path: string[]): void => {
    for (const child of command.commands) {
      paths.push([...path, child.name()]);
      walk(child, [...path, child.name()]);
    }
  };
  walk(
    program({
      io: fakeIo(),
      signal: new AbortController().signal,
      endsWhenTold: () => undefined,
      takeInterrupts: () => () => undefined,
      print: () => undefined,
    }),
    [],
  );
  return paths;
}

describe("--help", () => {
  // A change of what users see shows in review, as a change of these files (npx vitest run test/cli/help.test.ts -u).
  it.each([
    ...commandsOf(blockffnProgram).map((path) => [["blockffn", ...path].join(" "), path, blockffn] as const),
    ...commandsOf(benchProgram).map((path) => [["bench", ...path].join(" "), path, bench] as const),
  ])("of %s is as it was", async (name, path, run) => {
    const { code, out, err } = await run([...path, "--help"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    await expect(out).toMatchFileSnapshot(`../snapshots/help/${name.replaceAll(" ", "-")}.txt`);
  });
});
