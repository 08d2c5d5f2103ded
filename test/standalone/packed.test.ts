import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DEFAULT_MODEL } from "../../host/node/index.ts";
import { openPacked } from "../../src/format/packed/packed.ts";
import { MemorySource } from "../helpers/memory-files.ts";
import { encodePacked } from "../helpers/packed-v2.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";
import { wasi } from "../helpers/wasi.ts";

interface Header {
  readonly __metadata__: Record<string, string>;
  [tensor: string]: unknown;
}

/** The default model as format 2 has it. */
async function formatTwo(): Promise<Buffer> {
  const file = readFileSync(DEFAULT_MODEL);
  const { config, plan, draft, weightsOffset, bytes, readText } = await openPacked(new MemorySource("m", file));
  const { head } = encodePacked(config, plan, (await readText()).tokenizerJson, { draft });
  return Buffer.concat([head, file.subarray(weightsOffset, weightsOffset + bytes)]);
}

const bytes = await formatTwo();

// Format 2 carries an EAGLE head, which the command leaves where it is.
describe("WASI command: packed files with a draft head", () => {
  const folder = temporaryFolder();
  const length = Number(bytes.readBigUInt64LE(0));
  const header = (): Header => JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Header;

  /** Runs the model with a changed header. */
  const run = async (change: (header: Header) => void): Promise<{ code: number; stdout: string; stderr: string }> => {
    const changed = header();
    change(changed);
    const json = JSON.stringify(changed);
    const padded = Buffer.from(json.padEnd(Math.ceil((8 + json.length) / 64) * 64 - 8));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(padded.length));
    writeFileSync(join(folder, "m.safetensors"), Buffer.concat([size, padded, bytes.subarray(8 + length)]));
    return wasi(folder, ["--model", "m.safetensors", "--prompt", "Once upon a time", "--max-tokens", "7"]);
  };
  const drafts = (of: Header): string[] => Object.keys(of).filter((name) => name.startsWith("draft."));
  const text = ", there was a little girl named\n";

  it("gives the text of version 2, and of version 1 when the head is not said to be there", async () => {
    expect(header().__metadata__["blockffn.version"]).toBe("2");
    expect(drafts(header()).length).toBeGreaterThan(5);
    expect(await run(() => undefined)).toMatchObject({ code: 0, stdout: text });
    const plain = await run((of) => {
      of.__metadata__["blockffn.version"] = "1";
      delete of.__metadata__["blockffn.draft"];
      for (const name of drafts(of)) delete of[name];
    });
    expect(plain).toMatchObject({ code: 0, stdout: text });
  });

  it.each([
    [
      "a head in a file of version 1",
      (of) => void (of.__metadata__["blockffn.version"] = "1"),
      "draft.",
      "the configuration knows no such tensor",
    ],
    ["version 2 that says nothing of its head", (of) => void delete of.__metadata__["blockffn.draft"], "blockffn.draft", "is missing"],
    [
      "a version that is not known",
      (of) => void (of.__metadata__["blockffn.version"] = "4"),
      "blockffn.version",
      'is "4", this build reads 3, 2 and 1',
    ],
    [
      "a tensor that is neither",
      (of) => void (of["drafty"] = { dtype: "U8", shape: [0], data_offsets: [0, 0] }),
      "drafty",
      "the configuration knows no such tensor",
    ],
    [
      "a head's tensor outside the file",
      (of) => void ((of[drafts(of)[0]!] as { data_offsets: number[] }).data_offsets = [0, 9e9]),
      '"draft.',
      "are outside",
    ],
    [
      "another layout of weights",
      (of) => void (of.__metadata__["blockffn.layout"] = "1"),
      "blockffn.layout",
      'is "1", this build reads 5: convert the model again',
    ],
  ] as [string, (header: Header) => void, string, string][])("refuses %s", async (_name, change, field, message) => {
    const { code, stderr } = await run(change);
    expect(code).toBe(1);
    expect(stderr).toContain(`m.safetensors: ${field}`);
    expect(stderr).toContain(message);
  });
});
