import { afterAll, beforeAll } from "vitest";
import { listen } from "../../../host/node/index.ts";
import type { ChatMessage } from "../../../src/chat/messages.ts";
import type { ChatResult } from "../../../src/chat/answer.ts";
import type { Listening } from "../../../src/host.ts";
import type { Model } from "../../../src/model.ts";
import { createServer } from "../../../src/server/index.ts";
import { tinyChatModel } from "../../helpers/tiny-chat.ts";

export const KEY = "sk-test";
export const SEED = 11;

/** A server over a tiny model that chats as its generation_config.json says, for the tests of the suite that calls this. */
export class ChatServer {
  baseURL!: string;
  model!: Model;

  static inSuite(): ChatServer {
    const it = new ChatServer();
    let listening: Listening;
    beforeAll(async () => {
      it.model = await tinyChatModel({
        contextLength: 512,
        generation: { do_sample: true, temperature: 0.5, top_p: 0.9, max_new_tokens: 24, eos_token_id: 2 },
      });
      listening = await listen(createServer({ tiny: it.model }, { apiKey: KEY }).fetch, { hostname: "127.0.0.1", port: 0 });
      it.baseURL = `http://127.0.0.1:${listening.port}/v1`;
    });
    afterAll(async () => {
      await listening?.close();
      it.model?.dispose();
    });
    return it;
  }

  /** What the library says. */
  said(messages: readonly ChatMessage[]): Promise<ChatResult> {
    return this.model.chat(messages, { seed: SEED }).result();
  }
}
