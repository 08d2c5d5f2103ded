import { readFileSync } from "node:fs";
import { join } from "node:path";

const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");

/** A code block: its language, "" for none, and what it holds. */
export interface Block {
  readonly language: string;
  readonly text: string;
}

/** What stands under a heading, up to the next one of its level or above. @throws when there is no such heading. */
export function section(heading: string): string {
  const level = /^#+/.exec(heading)?.[0].length ?? 0;
  const start = readme.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`README.md has no heading ${heading}`);
  const rest = readme.slice(start + heading.length + 2);
  const end = new RegExp(`^#{1,${level}} `, "m").exec(rest)?.index ?? rest.length;
  return rest.slice(0, end);
}

/** The code blocks of a text. */
export function blocks(text: string): Block[] {
  return Array.from(text.matchAll(/^```(\S*)\n([\s\S]*?)^```/gm), ([, language = "", body = ""]) => ({ language, text: body }));
}

/** The lines of the command blocks under a heading. */
export function commands(heading: string): string[] {
  return blocks(section(heading))
    .filter(({ language }) => language === "sh")
    .flatMap(({ text }) => text.replaceAll("\\\n", " ").split("\n"))
    .filter((line) => line !== "");
}

/** The first code block of a language under a heading. @throws when there is none. */
export function readmeExample(heading: string, language: string): string {
  const found = blocks(section(heading)).find((block) => block.language === language);
  if (found === undefined) throw new Error(`README.md has no ${language} below ${heading}`);
  return found.text;
}
