import { join } from "node:path";
import { expect, it } from "vitest";
import type { GenerationResult } from "../../src/decode/generation.ts";
import { blockffn } from "../helpers/fake-io.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";

const model = writeTinyModel(join(temporaryFolder(), "."), "block");

async function generated(...flags: string[]): Promise<GenerationResult> {
  const { code, out, err } = await blockffn(["generate", "tom tom tom tom", "-m", model, "-n", "40", "--ignore-eos", "--json", ...flags]);
  expect(err).toBe("");
  expect(code).toBe(0);
  return JSON.parse(out) as GenerationResult;
}

it("--speculate gives the same text, and tells what it did", async () => {
  const plain = await generated("--speculate", "off");
  expect(plain).toMatchObject({
    rounds: null,
    acceptLength: null,
    draftedTokens: null,
    acceptedTokens: null,
    expertsPerChunk: null,
    decisions: null,
  });
  expect((await generated()).tokens).toEqual(plain.tokens);
  for (const way of ["ngram", "auto"]) {
    const { text, tokens, tls, rounds, acceptLength, draftedTokens, acceptedTokens, expertsPerChunk } = await generated("--speculate", way);
    expect({ text, tokens, tls }).toEqual({ text: plain.text, tokens: plain.tokens, tls: plain.tls });
    expect(rounds! + acceptedTokens!).toBeGreaterThanOrEqual(tokens.length - 1);
    expect(acceptLength!).toBeCloseTo(1 + acceptedTokens! / rounds!, 12);
    expect(draftedTokens!).toBeGreaterThanOrEqual(acceptedTokens!);
    expect(expertsPerChunk!).toBeGreaterThan(0);
  }
});

it("--speculate says in the summary how many drafts were accepted", async () => {
  const { err } = await blockffn(["generate", "tom", "-m", model, "-n", "12", "--ignore-eos", "--speculate", "ngram"]);
  expect(err).toMatch(/; \d+ of \d+ drafted tokens accepted in \d+ rounds; /);
});

it("--speculate refuses what it cannot do", async () => {
  const eagle = await blockffn(["generate", "tom", "-m", model, "--speculate", "eagle"]);
  expect(eagle).toMatchObject({ code: 2, out: "" });
  expect(eagle.err).toMatch(/^blockffn: --speculate is eagle, but .* carries no EAGLE head; .*convert --draft\n$/);
  expect((await blockffn(["generate", "tom", "-m", model, "--speculate", "model"])).err).toMatch(
    /^blockffn: --speculate is model, which needs --draft-model/,
  );
  expect((await blockffn(["generate", "tom", "--speculate", "on"])).err).toMatch(/Allowed choices are off, ngram, eagle, model, auto/);
  expect((await blockffn(["generate", "tom", "-m", model, "--draft-tokens", "65"])).err).toMatch(
    /--draft-tokens must be a whole number from 2 to 64/,
  );
});
