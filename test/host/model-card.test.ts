import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../helpers/test-host.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";

const { modelCard } = (await import(join(root, "scripts/model-card.mjs"))) as { modelCard: (folder: string) => string };
const folder = join(root, "models/chat");

describe("the chat model's package", () => {
  it("has the card that its scores give", () => expect(readFileSync(join(folder, "README.md"), "utf8")).toBe(modelCard(folder)));

  it("is called experimental until all of its bar is measured and passed", () => {
    const copy = join(temporaryFolder(), "chat");
    mkdirSync(copy);
    for (const name of ["package.json", "card.md", "scores.json"]) cpSync(join(folder, name), join(copy, name));
    const scores = JSON.parse(readFileSync(join(copy, "scores.json"), "utf8")) as { bar: Record<string, Record<string, number | null>> };
    const card = (bar: Record<string, Record<string, number | null>>): string => {
      writeFileSync(join(copy, "scores.json"), JSON.stringify({ ...scores, bar: { ...scores.bar, ...bar } }));
      return modelCard(copy);
    };
    const passed = {
      perplexity: { most: 1.15, student: 3, teacher: 2.9 },
      instructions: { least: 24, student: 24 },
      loops: { most: 0.05, student: 0.05 },
    };
    expect(card(passed)).not.toContain("Experimental");
    for (const [name, line] of [
      ["perplexity", { most: 1.15, student: 3.4, teacher: 2.9 }],
      ["instructions", { least: 24, student: 23 }],
      ["loops", { most: 0.05, student: 0.06 }],
      ["loops", { most: 0.05, student: null }],
    ] as const)
      expect(card({ ...passed, [name]: line }), name).toContain("Experimental");
  });

  it("carries licence and origin, and its file for `exports`", () => {
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, Record<string, string>>;
    expect(manifest["exports"]?.["."]).toBe(`./${manifest["blockffn"]?.["model"]}`);
    expect(readFileSync(join(folder, "LICENSE"), "utf8")).toContain("Apache License");
    expect(readFileSync(join(folder, "NOTICE"), "utf8")).toContain("SmolLM2-135M-Instruct by Hugging Face");
  });
});
