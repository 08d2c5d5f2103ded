import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { JinjaError, Refusal } from "../../src/text/jinja/errors.ts";
import { parse } from "../../src/text/jinja/parser.ts";
import { render } from "../../src/text/jinja/renderer.ts";
import { fromJson } from "../../src/text/jinja/values.ts";

interface Outcome {
  readonly text?: string;
  readonly refused?: string;
}
type Values = Readonly<Record<string, unknown>>;

const fixture = JSON.parse(readFileSync(new URL("fixtures/chat-templates.json", import.meta.url), "utf8")) as {
  readonly clock: string;
  readonly cases: readonly (Outcome & { readonly source: string; readonly values?: Values })[];
  readonly whole: readonly (Outcome & { readonly template: string; readonly conversation: string })[];
};
const given = JSON.parse(readFileSync(new URL("../reference/values.json", import.meta.url), "utf8")) as {
  readonly snippets: Values;
  readonly base: Values;
  readonly conversations: Readonly<Record<string, Values>>;
};

function outcome(source: string, values: Values): string {
  try {
    return render(parse(source), new Map(Object.entries(values).map(([name, value]) => [name, fromJson(value)])));
  } catch (error) {
    if (error instanceof JinjaError || error instanceof Refusal) return "refused";
    throw error;
  }
}

// Local time, as transformers gives it.
beforeAll(() => void vi.useFakeTimers({ toFake: ["Date"], now: new Date(fixture.clock) }));
afterAll(() => void vi.useRealTimers());

describe("templates are rendered as jinja2 does in transformers", () => {
  it("there are enough of them", () => {
    expect(fixture.cases.length).toBeGreaterThan(150);
    expect(fixture.whole.length).toBeGreaterThan(60);
  });

  it.each(fixture.cases.map((one) => [one.source, one] as const))("%j", (source, { values, text }) => {
    expect(outcome(source, { ...given.snippets, ...values })).toBe(text ?? "refused");
  });

  it.each(fixture.whole)("$template: $conversation", ({ template, conversation, text }) => {
    const source = new TextDecoder().decode(readFileSync(new URL(`../reference/templates/${template}`, import.meta.url)));
    expect(outcome(source, { ...given.base, ...given.conversations[conversation] })).toBe(text ?? "refused");
  });
});
