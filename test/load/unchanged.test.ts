import { readFileSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nodeHost } from "../../host/node/engine.ts";
import { SourceError } from "../../src/errors.ts";
import type { ByteSource, ModelFiles } from "../../src/format/source.ts";
import type { Host } from "../../src/host.ts";
import { convertModel } from "../../src/load/convert.ts";
import { loadModel } from "../../src/load/load.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";

/** Node, with something that happens after the so-manieth read. */
function disturbed(after: number, happens: () => void): Host {
  let reads = 0;
  const watch = (source: ByteSource): ByteSource => ({
    name: source.name,
    size: source.size,
    close: () => source.close(),
    async readInto(offset, target) {
      await source.readInto(offset, target);
      if (++reads === after) happens();
    },
  });
  return {
    ...nodeHost,
    async open(location): Promise<ModelFiles> {
      const files = await nodeHost.open(location);
      return {
        ...files,
        async open(path) {
          const source = await files.open(path);
          return source === undefined ? undefined : watch(source);
        },
      };
    },
  };
}

async function packedFile(): Promise<string> {
  const folder = writeTinyModel(temporaryFolder());
  const parts: Uint8Array[] = [];
  await convertModel(await nodeHost.open(folder), "q8", (part) => void parts.push(part.slice()));
  const path = join(folder, "packed.safetensors");
  writeFileSync(path, Buffer.concat(parts));
  utimesSync(path, 1, 1);
  return path;
}

describe("a source that changes while it is loaded", () => {
  it("is loaded when it does not", async () => {
    (
      await loadModel(
        disturbed(1, () => undefined),
        await packedFile(),
        { threads: 1 },
      )
    ).dispose();
  });

  it.each([
    ["is written to", (path: string) => writeFileSync(path, readFileSync(path))],
    ["gets shorter", (path: string) => writeFileSync(path, new Uint8Array(10))],
    [
      "is replaced",
      (path: string) => {
        writeFileSync(`${path}.new`, readFileSync(path));
        utimesSync(`${path}.new`, 1, 1);
        renameSync(`${path}.new`, path);
      },
    ],
  ])("a packed file that %s is a typed error", async (_, change) => {
    const path = await packedFile();
    const error: unknown = await loadModel(
      disturbed(1, () => change(path)),
      path,
      { threads: 1 },
    ).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SourceError);
    expect(error).toMatchObject({ file: path });
  });

  it.each(["config.json", "model.safetensors", "tokenizer.json"])(
    "so is a folder whose %s is written, loaded or converted",
    async (name) => {
      const make = (): string => {
        const folder = writeTinyModel(temporaryFolder());
        utimesSync(join(folder, name), 1, 1);
        return folder;
      };
      for (const work of [
        (host: Host, folder: string) => loadModel(host, folder, { threads: 1 }),
        async (host: Host, folder: string) => convertModel(await host.open(folder), "q8", () => undefined),
      ]) {
        const folder = make();
        const host = disturbed(5, () => writeFileSync(join(folder, name), readFileSync(join(folder, name))));
        await expect(work(host, folder)).rejects.toMatchObject({
          name: SourceError.name,
          file: join(folder, name),
          message: expect.stringMatching(/load it again/) as string,
        });
      }
    },
  );
});
