// The licences of the libraries that a bundle holds, which they ask for to be passed on with their code.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes `file` with the licence text of every package whose code esbuild put into the bundle; fails for one without a text. */
export function writeLicences(root, metafile, file) {
  const parts = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs)
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([path]) => path),
  );
  const packages = new Set(
    parts.map((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter((folder) => folder !== undefined),
  );
  const texts = [...packages].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    const text = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e(\.(md|txt))?$/i.test(entry));
    if (text === undefined) throw new Error(`${name} has no licence text to pass on`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(root, folder, text), "utf8").trim()}\n`;
  });
  writeFileSync(file, `The JavaScript in this folder holds code of these libraries:\n\n${texts.join(`\n${"-".repeat(80)}\n\n`)}`);
}
