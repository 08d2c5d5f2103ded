import { describe, expect, it } from "vitest";
import { logprobsOf } from "../../src/decode/sampling/logprobs.ts";
import { events, testServer } from "../helpers/server.ts";

interface Chunk {
  readonly id: string;
  readonly object: string;
  readonly usage?: { readonly completion_tokens: number } | null;
  readonly choices: readonly {
    readonly text: string;
    readonly delta: { readonly role?: string; readonly content?: string };
    readonly finish_reason: string | null;
    readonly logprobs: Logprobs | null;
  }[];
}
interface Logprobs {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly number[];
  readonly top_logprobs: readonly Readonly<Record<string, number>>[] | null;
  readonly text_offset: readonly number[];
  readonly content: readonly {
    readonly token: string;
    readonly logprob: number;
    readonly bytes: readonly number[];
    readonly top_logprobs: readonly object[];
  }[];
}
interface Whole extends Chunk {
  readonly choices: readonly (Chunk["choices"][number] & { readonly message: { readonly content: string } })[];
}

const says = "Grüße, 😀 tom. The end.";
const server = testServer({}, { says });
const greedy = { prompt: [1], temperature: 0, max_tokens: 100 };

describe("/v1/completions", () => {
  it("answers with text, reason and usage", async () => {
    const body = (await (await server.post("/v1/completions", greedy)).json()) as Whole;
    const tokens = new TextEncoder().encode(says).length + 1;
    expect(body).toMatchObject({
      id: expect.stringMatching(/^cmpl-/) as string,
      object: "text_completion",
      model: "fake",
      choices: [{ index: 0, text: says, finish_reason: "stop", logprobs: null }],
      usage: { prompt_tokens: 1, completion_tokens: tokens, total_tokens: tokens + 1 },
    });
    const short = (await (await server.post("/v1/completions", { ...greedy, max_tokens: 3 })).json()) as Whole;
    // The third token is the first half of ü.
    expect(short.choices[0]).toMatchObject({ text: "Gr\ufffd", finish_reason: "length" });
  });

  it("stops before a stop text, which may end within a token's text", async () => {
    for (const stop of ["tom", ["end", "😀 t", "tom"]]) {
      const {
        choices: [choice],
      } = (await (await server.post("/v1/completions", { ...greedy, stop })).json()) as Whole;
      expect(choice).toMatchObject({ text: says.slice(0, says.indexOf(Array.isArray(stop) ? "😀" : "tom")), finish_reason: "stop" });
    }
  });

  it.each([
    [{}, { finish_reason: "stop", stop_reason: 2 }],
    [{ stop: ["nothing", "tom"] }, { finish_reason: "stop", stop_reason: "tom" }],
    [{ max_tokens: 3 }, { finish_reason: "length", stop_reason: null }],
    [
      { ignore_eos: true, max_tokens: 60 },
      { finish_reason: "length", stop_reason: null },
    ],
  ])("tells what ended it, the end token's id or the stop text: %j", async (more, wanted) => {
    const body = (await (await server.post("/v1/completions", { ...greedy, ...more })).json()) as Whole;
    expect(body.choices[0]).toMatchObject(wanted);
    for (const path of ["/v1/completions", "/v1/chat/completions"]) {
      const prompt = path.includes("chat") ? { messages: [{ role: "user", content: "x" }], prompt: undefined } : {};
      const chunks = (await events<Chunk>(await server.post(path, { ...greedy, ...more, ...prompt, stream: true }))).slice(0, -1);
      const last = (chunks as Chunk[]).at(-1)?.choices[0];
      if (!path.includes("chat")) expect(last).toMatchObject(wanted);
      expect(last).toHaveProperty("stop_reason");
      expect((chunks as Chunk[]).slice(0, -1).every(({ choices }) => choices.every((choice) => !("stop_reason" in choice)))).toBe(true);
    }
  });

  it("streams the same text, in whole characters", async () => {
    const response = await server.post("/v1/completions", { ...greedy, stream: true, stream_options: { include_usage: true } });
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    const all = await events<Chunk>(response);
    expect(all.pop()).toBe("[DONE]");
    const chunks = all as Chunk[];
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.map(({ choices }) => choices[0]?.text ?? "").join("")).toBe(says);
    expect(chunks.flatMap(({ choices }) => choices[0]?.text ?? []).every((text) => !text.includes("\ufffd"))).toBe(true);
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([...chunks.slice(2).map(() => null), "stop", undefined]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: new TextEncoder().encode(says).length + 1 } });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  it("gives the log-probabilities of the text that is told, and no other", async () => {
    const ask = { ...greedy, logprobs: 2, stop: "The" };
    const {
      choices: [choice],
    } = (await (await server.post("/v1/completions", ask)).json()) as Whole;
    const logprobs = choice?.logprobs as Logprobs;
    const told = says.slice(0, says.indexOf("The"));
    const bytes = new TextEncoder().encode(told);
    expect(logprobs.tokens).toHaveLength(bytes.length);
    expect(logprobs.tokens.slice(0, 4)).toEqual(["G", "r", "bytes:\\xc3", "bytes:\\xbc"]);
    // Both halves of ü begin where it does, and those of ß.
    expect(logprobs.text_offset.slice(0, 7)).toEqual([0, 1, 2, 2, 3, 3, 4]);
    for (const [i, top] of (logprobs.top_logprobs ?? []).entries()) {
      const values = Object.values(top);
      expect(values.length).toBeGreaterThanOrEqual(2);
      expect(Math.max(...values)).toBe(logprobs.token_logprobs[i]);
    }
    const sequence = server.fake.newSequence();
    expect(logprobs.token_logprobs[0]).toBe(logprobsOf(sequence.forward([1]).logits(0), 3 + 71, 0).logprob);
    sequence.dispose();
    const streamed = (await events<Chunk>(await server.post("/v1/completions", { ...ask, stream: true }))).filter(
      (event) => event !== "[DONE]",
    );
    expect(streamed.flatMap(({ choices }) => choices[0]?.logprobs?.tokens ?? [])).toEqual(logprobs.tokens);
    expect(streamed.flatMap(({ choices }) => choices[0]?.logprobs?.text_offset ?? [])).toEqual(logprobs.text_offset);
  });

  it("repeats an answer with the same seed, and not with another", async () => {
    const random = testServer();
    const text = async (seed: number, stream: boolean): Promise<string> => {
      const response = await random.post("/v1/completions", { prompt: [1], max_tokens: 30, seed, temperature: 2, stream });
      return stream
        ? (await events<Chunk>(response)).map((event) => (event === "[DONE]" ? "" : (event.choices[0]?.text ?? ""))).join("")
        : (((await response.json()) as Whole).choices[0]?.text ?? "");
    };
    expect(await text(7, false)).toBe(await text(7, false));
    expect(await text(7, true)).toBe(await text(7, false));
    expect(await text(8, false)).not.toBe(await text(7, false));
  });
});

describe("/v1/chat/completions", () => {
  // The plain form of the one message: BOS, then the text.
  const chat = { messages: [{ role: "user", content: "" }], temperature: 0 };

  it("answers with a message", async () => {
    const body = (await (await server.post("/v1/chat/completions", { ...chat, logprobs: true, top_logprobs: 1 })).json()) as Whole;
    expect(body).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/) as string,
      object: "chat.completion",
      choices: [{ index: 0, message: { role: "assistant", content: says, refusal: null }, finish_reason: "stop" }],
    });
    const content = body.choices[0]?.logprobs?.content ?? [];
    expect(new TextDecoder().decode(Uint8Array.from(content.flatMap(({ bytes }) => [...bytes])))).toBe(says);
    expect(content.every(({ top_logprobs: top }) => top.length === 1)).toBe(true);
  });

  it("streams a role, the text, and a reason", async () => {
    const all = (await events<Chunk>(await server.post("/v1/chat/completions", { ...chat, stream: true }))).filter(
      (event) => event !== "[DONE]",
    );
    expect(all[0]).toMatchObject({
      object: "chat.completion.chunk",
      choices: [{ delta: { role: "assistant", content: "" }, finish_reason: null }],
    });
    expect(all.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe(says);
    expect(all.at(-1)?.choices).toEqual([{ index: 0, delta: {}, logprobs: null, finish_reason: "stop", stop_reason: 2 }]);
    expect(all.every((chunk) => !("usage" in chunk))).toBe(true);
  });
});

describe("other routes", () => {
  it("/v1/models names the model by its file, and finds it by name", async () => {
    const entry = { id: "fake", object: "model", created: expect.any(Number) as number, owned_by: "blockffn" };
    expect(await (await server.get("/v1/models")).json()).toEqual({ object: "list", data: [entry] });
    expect(await (await server.get("/v1/models/fake")).json()).toEqual(entry);
    expect((await server.get("/v1/models/none")).status).toBe(404);
  });

  it("/healthz answers, other paths and methods do not", async () => {
    expect(await (await server.get("/healthz")).json()).toEqual({ status: "ok", active: 0, waiting: 0 });
    expect((await server.get("/v1")).status).toBe(404);
    const wrong = await server.get("/v1/completions");
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "POST"]);
    expect((await server.post("/metrics", {})).status).toBe(405);
  });

  it("/metrics counts", async () => {
    const counted = testServer({}, { says: "hello" });
    await counted.post("/v1/completions", greedy);
    await counted.post("/v1/completions", { ...greedy, stream: true }).then((response) => response.text());
    await counted.post("/v1/completions", { n: 2 });
    await counted.get("/nothing/here");
    const text = await (await counted.get("/metrics")).text();
    const value = (name: string): number =>
      Number(
        text
          .split("\n")
          .find((line) => line.startsWith(`${name} `))
          ?.split(" ")
          .at(-1),
      );
    expect(value('blockffn_requests_total{route="/v1/completions",status="200"}')).toBe(2);
    expect(value('blockffn_requests_total{route="/v1/completions",status="400"}')).toBe(1);
    expect(value('blockffn_requests_total{route="other",status="404"}')).toBe(1);
    expect([value("blockffn_prompt_tokens_total"), value("blockffn_completion_tokens_total")]).toEqual([2, 12]);
    expect([
      value("blockffn_queue_depth"),
      value("blockffn_active_requests"),
      value("blockffn_rejected_total"),
      value("blockffn_abandoned_total"),
    ]).toEqual([0, 0, 0, 0]);
    expect([value("blockffn_time_to_first_token_seconds_count"), value("blockffn_tokens_per_second_count")]).toEqual([2, 2]);
    expect(value('blockffn_time_to_first_token_seconds_bucket{le="+Inf"}')).toBe(2);
    // Every line is one that Prometheus reads.
    for (const line of text.trimEnd().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE) blockffn_\w+ .+|blockffn_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [\d.e+-]+)$/);
  });

  it("logs each request once, when its answer is complete", async () => {
    const logged = testServer({}, { says: "hello" });
    const stream = await logged.post("/v1/completions", { ...greedy, stream: true });
    expect(logged.log).toEqual([]);
    await stream.text();
    await logged.get("/healthz?x=1");
    expect(logged.log).toMatchObject([
      { method: "POST", path: "/v1/completions", status: 200, promptTokens: 1, completionTokens: 6, finishReason: "stop" },
      { method: "GET", path: "/healthz", status: 200 },
    ]);
  });
});
