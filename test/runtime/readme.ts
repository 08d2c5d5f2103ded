import { readFileSync } from "node:fs";
import { join } from "node:path";

const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");

/** The example of a host: the first code block and the first command block under its heading in the README's section "Hosts". */
export function example(host: string): { readonly code: string; readonly command: string } {
  const hosts = /^## Hosts\n([\s\S]*?)(?=^## )/m.exec(readme)?.[1] ?? "";
  const section = hosts.split(/^### /m).find((part) => part.startsWith(`${host}\n`)) ?? "";
  const block = (language: string): string => new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "m").exec(section)?.[1] ?? "";
  const found = { code: block("(?:js|ts)"), command: block("sh") };
  if (found.code === "" && found.command === "") throw new Error(`the README has no example for ${host}`);
  return found;
}

/** The command blocks of a section of the README, as they stand. */
export function commands(heading: string): string {
  const section = new RegExp(`^## ${heading}\\n([\\s\\S]*?)(?=^## )`, "m").exec(readme)?.[1] ?? "";
  return Array.from(section.matchAll(/^```sh\n([\s\S]*?)^```/gm), ([, block]) => block as string).join("");
}
