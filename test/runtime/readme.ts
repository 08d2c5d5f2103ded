import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../helpers/test-host.ts";

/** The first code block of a language below a heading of the README. @throws when there is none. */
export function readmeExample(heading: string, language: string): string {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const section = readme.slice(readme.indexOf(`\n${heading}\n`) + 1);
  const block = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(section)?.[1];
  if (!readme.includes(`\n${heading}\n`) || block === undefined) throw new Error(`README.md has no ${language} below ${heading}`);
  return block;
}
