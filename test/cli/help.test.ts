import { describe, expect, it } from "vitest";
import { program } from "../../cli/blockffn.ts";
import { blockffn, fakeIo } from "../helpers/fake-io.ts";

/** Every command by its words, found in the program itself. */
function commandsOf(): string[][] {
  const paths: string[][] = [[]];
  const walk = (command: ReturnType<typeof program>, path: string[]): void => {
    for (const child of command.commands) {
      paths.push([...path, child.name()]);
      walk(child, [...path, child.name()]);
    }
  };
  walk(program({ io: fakeIo(), signal: new AbortController().signal, endsWhenTold: () => undefined, print: () => undefined }), []);
  return paths;
}

describe("--help", () => {
  // A change of what users see shows in review, as a change of these files (npx vitest run test/cli/help.test.ts -u).
  it.each(commandsOf().map((path) => [["blockffn", ...path].join(" "), path] as const))("of %s is as it was", async (name, path) => {
    const { code, out, err } = await blockffn([...path, "--help"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    await expect(out).toMatchFileSnapshot(`../snapshots/help/${name.replaceAll(" ", "-")}.txt`);
  });
});
