import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { nodeHost } from "../../host/node/engine.ts";
import { NodeFile } from "../../host/node/files.ts";
import { OutputFile, writeFileAtomically } from "../../host/node/output.ts";
import { packageVersion } from "../../host/node/package.ts";
import { BlockFFNError, SourceError } from "../../src/errors.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";

const folder = temporaryFolder();
const data = Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff);
const file = join(folder, "data.bin");
writeFileSync(file, data);

async function failure(work: Promise<unknown>): Promise<BlockFFNError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BlockFFNError);
  return error as BlockFFNError;
}

describe("NodeFile", () => {
  it("reads ranges into a part of a buffer", async () => {
    const source = await NodeFile.open(file);
    expect(source.size).toBe(1000);
    const target = new Uint8Array(20);
    await source.readInto(990, target.subarray(5, 15));
    expect([...target]).toEqual([0, 0, 0, 0, 0, ...data.subarray(990), 0, 0, 0, 0, 0]);
    await source.close();
  });

  it.each([
    [-1, 1],
    [1000, 1],
    [999, 2],
    [0.5, 1],
    [2 ** 53, 1],
  ])("refuses the range %d + %d", async (offset, length) => {
    const source = await NodeFile.open(file);
    const error = await failure(source.readInto(offset, new Uint8Array(length)));
    expect(error).toBeInstanceOf(SourceError);
    expect(error.file).toBe(file);
    await source.close();
  });

  it("tells when the file became shorter", async () => {
    const shrinking = join(folder, "shrinking.bin");
    writeFileSync(shrinking, data);
    const source = await NodeFile.open(shrinking);
    truncateSync(shrinking, 10);
    expect((await failure(source.readInto(0, new Uint8Array(100)))).message).toMatch(/shorter/);
    await source.close();
  });

  it("names what is missing or is a folder", async () => {
    expect((await failure(NodeFile.open(join(folder, "none")))).message).toMatch(/none: there is no such file/);
    expect((await failure(NodeFile.open(folder))).message).toMatch(/is not a regular file/);
  });
});

describe("nodeHost.open", () => {
  it("opens one file with the empty name only", async () => {
    const files = await nodeHost.open(file);
    expect(files.single).toBe(true);
    const source = await files.open("");
    expect(source?.size).toBe(1000);
    await source?.close();
    expect(await files.open("config.json")).toBeUndefined();
  });

  it("takes file: URLs", async () => {
    const files = await nodeHost.open(pathToFileURL(file).href);
    const source = await files.open("");
    expect(source?.size).toBe(1000);
    await source?.close();
  });

  it("opens files of a folder, links included, and says undefined for the rest", async () => {
    const model = join(folder, "model");
    mkdirSync(join(model, "sub"), { recursive: true });
    writeFileSync(join(model, "config.json"), "{}");
    symlinkSync(file, join(model, "linked"));
    const files = await nodeHost.open(model);
    expect(files.single).toBe(false);
    for (const [name, size] of [
      ["config.json", 2],
      ["linked", 1000],
    ] as const) {
      const source = await files.open(name);
      expect(source?.size).toBe(size);
      await source?.close();
    }
    expect(await files.open("none")).toBeUndefined();
    expect(await files.open("sub")).toBeUndefined();
  });

  it.each(["", ".", "..", "../data.bin", "sub/x", "/etc/passwd", "a\\b", "c:x", "x\0"])("refuses the name %j in a folder", async (name) => {
    const files = await nodeHost.open(folder);
    expect(await failure(files.open(name))).toBeInstanceOf(SourceError);
  });

  it.each(["/no/such/model", `${file}/below`, "https://example.org/m", "a\0b", "file://host/share"])(
    "says what is wrong with %j",
    async (location) => {
      const error = await failure(nodeHost.open(location));
      expect(error).toBeInstanceOf(SourceError);
      expect(error.message).not.toContain("\0");
    },
  );

  it("does not wait for a pipe", async () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    expect((await failure(nodeHost.open(pipe))).message).toMatch(/neither a file nor a folder/);
  });

  it.skipIf(process.getuid?.() === 0)("names missing permissions", async () => {
    const locked = join(folder, "locked");
    writeFileSync(locked, "x");
    chmodSync(locked, 0);
    expect((await failure(NodeFile.open(locked))).message).toMatch(/permissions/);
  });
});

describe("OutputFile", () => {
  it("appears whole, over an older one", async () => {
    const path = join(folder, "out.bin");
    writeFileSync(path, "old");
    const size = await writeFileAtomically(path, async (out) => {
      await out.write(Uint8Array.of(1, 2));
      await out.write(Uint8Array.of(5), 4);
      await out.write(Uint8Array.of(6));
      expect(readFileSync(path, "utf8")).toBe("old");
      return out.size;
    });
    expect(size).toBe(6);
    expect([...readFileSync(path)]).toEqual([1, 2, 0, 0, 5, 6]);
  });

  it("leaves nothing behind when writing fails", async () => {
    const inner = join(folder, "inner");
    mkdirSync(inner);
    const path = join(inner, "out.bin");
    await expect(
      writeFileAtomically(path, async (out) => {
        await out.write(Uint8Array.of(1));
        throw new Error("no more");
      }),
    ).rejects.toThrow("no more");
    expect(readdirSync(inner)).toEqual([]);
  });

  it("names a missing folder, and does not replace a folder", async () => {
    expect((await failure(OutputFile.create(join(folder, "none", "x")))).message).toMatch(/there is no folder .*none; create it first/);
    const taken = join(folder, "taken");
    mkdirSync(taken);
    expect((await failure(OutputFile.create(taken))).message).toMatch(/not a file/);
    expect(existsSync(taken)).toBe(true);
  });
});

describe("nodeHost", () => {
  it("compiles an engine once", async () => {
    const module = nodeHost.engine("scalar");
    expect(await module).toBeInstanceOf(WebAssembly.Module);
    expect(nodeHost.engine("scalar")).toBe(module);
  });

  it("knows the package's version", () => {
    expect(packageVersion()).toMatch(/^\d+\.\d+\.\d+/);
  });
});
