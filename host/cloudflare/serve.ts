/** What a Worker is called with, as far as it is used here. */
export interface ExecutionContext {
  waitUntil(promise: Promise<unknown>): void;
}

/** Answers requests, as `createServer` of blockffn/server makes it. */
export interface Answering {
  fetch(request: Request): Promise<Response>;
}

const TICK_MS = 50;

/**
 * The `fetch` handler of a Worker whose requests share one server, made with the first of them. When that fails, it is
 * answered 503, and the next request tries again.
 *
 * The runtime looks at each request alone. One that waits for what another one does (the model that it loads, the slot that
 * it holds) seems to hang and is ended, so each keeps a timer of its own; and nothing of a request whose client went away
 * runs any more, not even what gives its slot back, unless `waitUntil` keeps it.
 */
export function serveWorker<Env>(
  make: (env: Env) => Promise<Answering>,
): (request: Request, env: Env, context: ExecutionContext) => Promise<Response> {
  const server = once(make);
  return async (request, env, context) => {
    const busy = new Busy(context);
    try {
      const response = await (await server(env)).fetch(request);
      if (response.body !== null) return new Response(piped(response.body, busy), response);
      busy.end();
      return response;
    } catch (error) {
      busy.end();
      console.error(error);
      return notLoaded(request);
    }
  };
}

/**
 * Any page may read this: there is no server that could say which may, nothing in it is secret, and a page that asks before it sends must
 * get leave, or it never learns that it can try again. Whatever it sends then is asked of the server itself.
 */
function notLoaded({ method, headers }: Request): Response {
  const open = { "access-control-allow-origin": "*", "access-control-expose-headers": "Retry-After" };
  if (method === "OPTIONS" && headers.has("access-control-request-method")) {
    const asked = headers.get("access-control-request-headers");
    return new Response(null, {
      status: 204,
      headers: {
        ...open,
        "access-control-allow-methods": "GET, HEAD, POST",
        ...(asked === null ? {} : { "access-control-allow-headers": asked }),
        // The server may be there a moment later, with an answer of its own.
        "access-control-max-age": "0",
      },
    });
  }
  return Response.json(
    { error: { message: "the model could not be loaded; try again", type: "server_error", param: null, code: "not_loaded" } },
    { status: 503, headers: { "retry-after": "5", ...open } },
  );
}

/** Makes a thing once, again after a failure. */
function once<Env, T>(make: (env: Env) => Promise<T>): (env: Env) => Promise<T> {
  let made: Promise<T> | undefined;
  return (env) => {
    if (made === undefined) {
      made = make(env);
      made.catch(() => (made = undefined));
    }
    return made;
  };
}

/** Keeps a request alive from its start to the end of its answer, whatever it waits for and whether its client stays. */
class Busy {
  readonly #timer = setInterval(() => undefined, TICK_MS);
  #end!: () => void;

  constructor(context: ExecutionContext) {
    context.waitUntil(new Promise<void>((resolve) => (this.#end = resolve)));
  }

  end(): void {
    clearInterval(this.#timer);
    this.#end();
  }
}

/** A pipe of the runtime's own. TypeScript's DOM types do not know it. */
declare const IdentityTransformStream: new () => {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
};

/**
 * The same body by way of a pipe: only writing into one tells, for fast bodies too, that nobody is at the other end. A body
 * that is answered directly is then neither read nor cancelled.
 */
function piped(body: ReadableStream<Uint8Array>, busy: Busy): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  void pump(body.getReader(), writable.getWriter()).finally(() => busy.end());
  return readable;
}

async function pump(reader: ReadableStreamDefaultReader<Uint8Array>, writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      await writer.write(value);
    }
    await writer.close();
  } catch (error) {
    await Promise.allSettled([reader.cancel(error), writer.abort(error)]);
  }
}
