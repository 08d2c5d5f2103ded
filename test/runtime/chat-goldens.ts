import { existsSync, readFileSync } from "node:fs";
import { CHAT_CHECKPOINT } from "../helpers/chat-model.ts";
import { sharedPath } from "../helpers/shared.ts";

/** A prompt of the chat model as its template writes it, and the greedy answer that a float64 run apart from any engine gives. */
export interface ChatGolden {
  readonly prompt: string;
  readonly ids: readonly number[];
  readonly greedy: readonly number[];
  readonly text: string;
}

const path = `${CHAT_CHECKPOINT}/golden.json`;
/** Below ../shared: what tests of the goldens need. */
export const GOLDENS = path;

/** The goldens, which every host gives in the tier `simd`; none where ../shared is not there. */
export const CHAT_GOLDENS: readonly ChatGolden[] = existsSync(sharedPath(path))
  ? (JSON.parse(readFileSync(sharedPath(path), "utf8")) as ChatGolden[])
  : [];

/** Most tokens of an answer. */
export const GOLDEN_TOKENS = 48;

/** What a host should say: ids of the prompts, and the answers. */
export const CHAT_WANTED = CHAT_GOLDENS.map(({ ids, greedy, text }) => ({ ids, tokens: greedy, text }));

/** System text, if it is not the template's own, and question of a golden's prompt. */
export function goldenQuestion({ prompt }: ChatGolden): { readonly system: string; readonly question: string } {
  const found = /^<\|im_start\|>system\n([^]*?)<\|im_end\|>\n<\|im_start\|>user\n([^]*)<\|im_end\|>\n<\|im_start\|>assistant\n$/.exec(
    prompt,
  );
  if (found === null) throw new Error(`a golden of one question was expected: ${prompt}`);
  return { system: found[1]!, question: found[2]! };
}
