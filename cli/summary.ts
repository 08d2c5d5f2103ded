import type { GenerationResult } from "../src/decode/generation.ts";
import { number, percent } from "./format.ts";

/** What a generation took, as one line. @param cached tokens of the prompt that were not computed again */
export function summary(result: GenerationResult, cached = 0): string {
  const parts = [
    `prompt ${result.promptTokens} tokens${cached === 0 ? "" : `, ${cached} of them kept,`} at ${number(result.prefillTokensPerSecond)}/s`,
    `${result.tokens.length} new at ${number(result.decodeTokensPerSecond)}/s`,
  ];
  if (result.draftedTokens !== null && result.draftedTokens > 0)
    parts.push(`${result.acceptedTokens} of ${result.draftedTokens} drafted tokens accepted in ${result.rounds} rounds`);
  if (result.tls !== null) parts.push(`${percent(result.tls)} of experts skipped`);
  parts.push(`ended by ${result.finishReason}${result.eosTokenId === null ? "" : ` (token ${result.eosTokenId})`}`);
  return `[${parts.join("; ")}]`;
}
