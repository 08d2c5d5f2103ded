import type { Answer } from "./answer.ts";
import { ApiError, toldError } from "./errors.ts";
import type { Shape } from "./shapes.ts";

/** Events that may lie ready for a client that reads slowly; then the generation waits for it. */
const READY_EVENTS = 16;

interface StreamOptions {
  readonly includeUsage: boolean;
  /** Milliseconds that the client may leave ready events unread. */
  readonly stallMs: number;
  /** Lets the runtime send what is ready. */
  readonly pause: () => Promise<void>;
  /** Called once, with what failed inside if something did. */
  readonly onEnd: (error?: unknown) => void;
}

/**
 * An answer as server-sent events, ended by `data: [DONE]`. It is computed as fast as the client reads: a client that stops
 * reading stops the generation, and after `stallMs` loses its slot; one that goes away ends it.
 */
export function streamAnswer(answer: Answer, shape: Shape, options: StreamOptions): Response {
  const events = eventsOf(answer, shape, options);
  const encoder = new TextEncoder();
  let stalled: ReturnType<typeof setTimeout> | undefined;
  const end = async (error?: unknown): Promise<void> => {
    clearTimeout(stalled);
    await answer.end();
    options.onEnd(error);
  };
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(stalled);
        const { value, done } = await events.next();
        if (done === true) {
          controller.close();
          await end(value);
          return;
        }
        controller.enqueue(encoder.encode(`data: ${value}\n\n`));
        if ((controller.desiredSize ?? 0) > 0) return;
        clearTimeout(stalled);
        stalled = setTimeout(() => {
          controller.error(new Error("the client does not read"));
          void end();
        }, options.stallMs);
      },
      cancel: () => end(),
    },
    { highWaterMark: READY_EVENTS },
  );
  return new Response(body, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no" },
  });
}

/** Data of the events. @returns what failed inside, if something did */
async function* eventsOf(answer: Answer, shape: Shape, { includeUsage, pause }: StreamOptions): AsyncGenerator<string, unknown, void> {
  const first = shape.begin();
  if (first !== undefined) yield JSON.stringify(first);
  try {
    let sent = false;
    for (let said = await answer.next(); said !== undefined; said = await answer.next()) {
      yield JSON.stringify(shape.step(said));
      // The first text goes out at once; later ones go together with those of a slice of computing (src/pause.ts).
      if (!sent) await pause();
      sent = true;
    }
  } catch (error) {
    // The status is sent already, so the error is an event of its own.
    yield JSON.stringify(toldError(error).body());
    return error instanceof ApiError ? undefined : error;
  }
  const { outcome } = answer;
  if (outcome === undefined) return undefined;
  yield JSON.stringify(shape.end(outcome));
  if (includeUsage) yield JSON.stringify(shape.usage(outcome.usage));
  yield "[DONE]";
  return undefined;
}
