import { Model } from "../../src/model.ts";
import { createServer, type RequestLog, type Server, type ServerOptions } from "../../src/server/index.ts";
import { FakeModel, scripted, type FakeOptions } from "./fake-model.ts";
import { byteIds, TINY_VOCAB, tinyTokenizerJson } from "./tiny-tokenizer.ts";

export interface TestServer extends Server {
  readonly fake: FakeModel;
  readonly log: RequestLog[];
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** Sends JSON. */
  post(path: string, body: unknown, init?: { headers?: Record<string, string>; signal?: AbortSignal }): Promise<Response>;
}

/** A server over a fake model with the tiny tokenizer; `says` scripts its answer to the one-token prompt [1], EOS after it. */
export function testServer(options: ServerOptions = {}, fakeOptions: FakeOptions & { readonly says?: string } = {}): TestServer {
  const { says, ...rest } = fakeOptions;
  const fake = new FakeModel({
    vocabSize: TINY_VOCAB,
    contextLength: 512,
    eosTokenIds: [2],
    tokenizerJson: tinyTokenizerJson(),
    frozenClock: true,
    ...(says === undefined ? {} : { next: scripted(1, [...byteIds(says), 2]) }),
    ...rest,
  });
  const log: RequestLog[] = [];
  const server = createServer(new Model(fake), { onRequest: (entry) => log.push(entry), ...options });
  return {
    ...server,
    fake,
    log,
    get: (path, headers = {}) => server.fetch(new Request(`http://test${path}`, { headers })),
    post: (path, body, { headers = {}, signal } = {}) =>
      server.fetch(
        new Request(`http://test${path}`, {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: JSON.stringify(body),
          ...(signal === undefined ? {} : { signal }),
        }),
      ),
  };
}

export interface ErrorBody {
  readonly error: { readonly message: string; readonly type: string; readonly param: string | null; readonly code: string | null };
}

/** Data of the events of a stream, "[DONE]" as it is. */
export async function events<T>(response: Response): Promise<(T | "[DONE]")[]> {
  const text = await response.text();
  return text
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => {
      const data = event.replace(/^data: /, "");
      return data === "[DONE]" ? data : (JSON.parse(data) as T);
    });
}

/** Tasks of the event loop run until nothing more seems to happen. */
export async function settle(turns = 20): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}
