import { request, type ClientRequest, type IncomingMessage } from "node:http";
import { PROMPTS } from "../runtime/prompts.ts";

/** What became of a request: its status, or that its client left as it meant to. */
export type Outcome = number | "left" | "wrong" | "broken";

export interface Client {
  readonly kind: string;
  run(port: number, i: number): Promise<Outcome>;
}

const TOKENS = 160;
/** Clients leave after so long, in milliseconds: while their body is read, while they wait, or in the middle of the answer. */
const LEAVE_MS = 150;
/** A slow body comes in so many pieces, one every so many milliseconds. */
const [PIECES, PIECE_MS] = [20, 100];

const story = (i: number): (typeof PROMPTS)[number] => PROMPTS[i % PROMPTS.length]!;
const ask = (i: number, more: object = {}): string =>
  JSON.stringify({ prompt: story(i).prompt, max_tokens: TOKENS, temperature: 0, ignore_eos: true, ...more });
/** Nothing but its tokens tells that these are too long for the default model. */
const TOO_LONG = ["the".repeat(17_700), "a b ".repeat(13_000), " ".repeat(50_000), "ab".repeat(26_000)];

function open(
  port: number,
  length: number,
  answer: (response: IncomingMessage) => void,
  failed: () => void,
  path = "/v1/completions",
): ClientRequest {
  const headers = { "content-type": "application/json", "content-length": length };
  return request({ host: "127.0.0.1", port, path, method: "POST", agent: false, headers }, answer).once("error", failed);
}

interface Answer {
  readonly status: number;
  readonly text: string;
}
type Write = (client: ClientRequest) => void;

/** Sends a body, all at once or by `write`, and gives status and text of the answer. */
function exchange(port: number, body: string, path?: string, write: Write = (client) => client.end(body)): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const failed = (): void => resolve(undefined);
    write(
      open(
        port,
        Buffer.byteLength(body),
        (response) => {
          let text = "";
          response
            .setEncoding("utf8")
            .on("data", (part: string) => (text += part))
            .once("error", failed)
            .once("end", () => resolve({ status: response.statusCode ?? 0, text }));
        },
        failed,
        path,
      ),
    );
  });
}

/** Whether an answer, whole or streamed, begins as it must. */
function isRight(text: string, i: number): boolean {
  const said = (json: string): string => (JSON.parse(json) as { choices: readonly { text: string }[] }).choices[0]?.text ?? "";
  const events = text.split("\n\n").filter((event) => event.startsWith("data: {"));
  const all = text.startsWith("data: ") ? events.map((event) => said(event.slice(6))).join("") : said(text);
  return all.startsWith(story(i).text);
}

async function answered(i: number, answer: ReturnType<typeof exchange>): Promise<Outcome> {
  const { status, text } = (await answer) ?? { status: 0, text: "" };
  if (status === 0) return "broken";
  return status === 200 && !isRight(text, i) ? "wrong" : status;
}

/** Sends a request, or so many characters of its body, and goes away. */
function leaving(port: number, body: string, sent = body.length): Promise<Outcome> {
  return new Promise((resolve) => {
    const client = open(
      port,
      Buffer.byteLength(body),
      (response) => response.resume().on("error", () => undefined),
      () => undefined,
    );
    client.write(body.slice(0, sent));
    setTimeout(() => {
      client.destroy();
      resolve("left");
    }, LEAVE_MS);
  });
}

function slowly(body: string): Write {
  return (client) => {
    const size = Math.ceil(body.length / PIECES);
    let at = 0;
    const timer = setInterval(() => {
      client.write(body.slice(at, (at += size)));
      if (at < body.length) return;
      clearInterval(timer);
      client.end();
    }, PIECE_MS);
    client.once("close", () => clearInterval(timer));
  };
}

/** One of each kind, in turns. */
export const CLIENTS: readonly Client[] = [
  { kind: "whole", run: (port, i) => answered(i, exchange(port, ask(i))) },
  { kind: "stream", run: (port, i) => answered(i, exchange(port, ask(i, { stream: true }))) },
  {
    kind: "too long",
    run: async (port, i) => (await exchange(port, ask(i, { prompt: TOO_LONG[i % TOO_LONG.length] })))?.status ?? "broken",
  },
  {
    kind: "too long a chat",
    run: async (port, i) => {
      const contents = [TOO_LONG[i % TOO_LONG.length], story(i).prompt];
      const body = JSON.stringify({ messages: contents.map((content) => ({ role: "user", content })) });
      return (await exchange(port, body, "/v1/chat/completions"))?.status ?? "broken";
    },
  },
  {
    kind: "slow body",
    run: (port, i) => {
      const body = ask(i, { user: "x".repeat(200_000) });
      return answered(i, exchange(port, body, undefined, slowly(body)));
    },
  },
  { kind: "left, whole", run: (port, i) => leaving(port, ask(i, { max_tokens: 900 })) },
  { kind: "left, stream", run: (port, i) => leaving(port, ask(i, { max_tokens: 900, stream: true })) },
  { kind: "left, unfinished body", run: (port, i) => leaving(port, ask(i, { user: "x".repeat(900_000) }), 600_000) },
  { kind: "whole", run: (port, i) => answered(i, exchange(port, ask(i))) },
  { kind: "stream", run: (port, i) => answered(i, exchange(port, ask(i, { stream: true }))) },
];
