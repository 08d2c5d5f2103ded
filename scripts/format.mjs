// Formats every TypeScript and JavaScript file with Prettier: `npm run format`; `--check` names those that differ and exits with 1.
// Prettier's parser refuses AssemblyScript's decorators on functions and constants; they are comments while it works.
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { format, getFileInfo, resolveConfig } from "prettier";

const DECORATOR = /^([ \t]*)@(inline|unsafe|lazy|global|external\([^)\n]*\))(?=\s)/gm;
const HIDDEN = /\/\*@((?:inline|unsafe|lazy|global|external\([^)\n]*\)))\*\//g;

const check = process.argv.includes("--check");
const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.ts", "*.mts", "*.mjs", "*.js"], {
  encoding: "utf8",
});
const config = await resolveConfig(".prettierrc.json");
let different = 0;
for (const path of listed.split("\0").filter((name) => name !== "")) {
  if ((await getFileInfo(path, { ignorePath: ".prettierignore" })).ignored) continue;
  const before = await readFile(path, "utf8").catch(() => undefined);
  if (before === undefined) continue;
  const after = (await format(before.replace(DECORATOR, "$1/*@$2*/"), { ...config, filepath: path })).replace(HIDDEN, "@$1");
  if (after === before) continue;
  different++;
  if (check) console.error(`${path} is not formatted: npm run format`);
  else await writeFile(path, after);
}
if (check && different > 0) process.exitCode = 1;
