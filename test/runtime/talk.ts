import { createChat, type Chat, type CreateChatOptions } from "../../src/chat/chat.ts";
import type { ChatModel } from "../../src/chat/backend.ts";
import { tinyChatModel, tinyChatPacked } from "../helpers/tiny-chat.ts";
// Plain JavaScript: other runtimes take it as it is.
import { talk as talkInJs } from "./talk.mjs";

const OPTIONS = { generation: { do_sample: true, top_p: 0.9 } };

export interface Talk {
  readonly answers: readonly { readonly tokens: readonly number[]; readonly dropped: number }[];
  readonly told: object;
}

const talk = talkInJs as unknown as (create: (model: ChatModel, options: CreateChatOptions) => Chat, model: ChatModel) => Promise<Talk>;

/** The packed model that talks. */
export const talkModel = (): Promise<Uint8Array> => tinyChatPacked(OPTIONS);

/** What the library says here, by its sources. */
export async function expectedTalk(): Promise<Talk> {
  const model = await tinyChatModel(OPTIONS);
  try {
    return JSON.parse(JSON.stringify(await talk(createChat, model))) as Talk;
  } finally {
    model.dispose();
  }
}
