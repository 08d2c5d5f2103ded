import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { publicTypes } from "../helpers/public-types.ts";
import { root } from "../helpers/test-host.ts";

const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { exports: Record<string, string | { types: string }> };
const entries = Object.entries(exports).flatMap(([path, entry]) =>
  typeof entry === "string" ? [] : [{ path, types: join(root, entry.types) }],
);
const built = entries.every(({ types }) => existsSync(types));
if (!built) console.log("skipped: the public types (run npm run build:ts)");

describe.skipIf(!built)("the public types", () => {
  // A change of what users see shows in review, as a change of these files (npm run build:ts && npx vitest run test/host/public-types.test.ts -u).
  it("of each export path are as they were", async () => {
    const all = publicTypes(entries.map(({ types }) => types));
    const shared = all.get(entries.find(({ path }) => path === ".")!.types)!;
    for (const { path, types } of entries) {
      const parts = Array.from(all.get(types)!, ([name, text]) => ({
        name,
        text,
        known: path !== "." && [name, name.replace("(inside) ", "")].some((other) => shared.get(other) === text),
      }));
      const own = parts.filter(({ known }) => !known).map(({ name, text }) => `// ${name}\n${text}\n`);
      const same = parts.filter(({ known, name }) => known && !name.startsWith("(")).map(({ name }) => name);
      const head = same.length === 0 ? "" : `// As in "blockffn": ${same.join(", ")}\n\n`;
      expect(parts.length).toBeGreaterThan(0);
      await expect(head + own.join("\n")).toMatchFileSnapshot(`../snapshots/types/${path === "." ? "blockffn" : path.slice(2)}.txt`);
    }
  });
});
