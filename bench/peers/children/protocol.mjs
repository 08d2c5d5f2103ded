// The protocol between interleave.mjs and an engine's child process: one JSON object a line.
//
//   child, once its model is loaded   {"ready":true,"peer":..,"version":..,"shape":..,"type":..,"threads":..,"loadMs":..,"notes":{..}}
//   {"op":"prefill","tokens":256}     {"ms":..}              one prompt from an empty cache, up to the last token's logits
//   {"op":"decode","tokens":64}       {"ms":..,"ids":[..]}   that many greedy steps after a 16-token prompt, whose time does
//                                                            not count; a step = most probable token, then its evaluation
//   {"op":"quit"}                     (the child ends)
//
// What fails answers {"error":".."}. Standard output carries the protocol only; engines' own messages go to standard error.
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { promptIds, shapeNamed, typeNamed } from "../shapes.mjs";

const DECODE_PROMPT = 16;

/**
 * Runs a child. `load({ shapeName, shape, typeName, type, threads, context, options })` resolves to
 * `{ version, notes, prefill(ids), decode(promptIds, steps), close() }`: `prefill` resolves to milliseconds,
 * `decode` to `{ ms, ids }`. `options` holds every other `--name value` of the command line.
 */
export async function serve(peer, load) {
  const { values } = parseArgs({
    options: {
      shape: { type: "string", default: "135M" },
      type: { type: "string", default: "q8" },
      threads: { type: "string", default: "1" },
      context: { type: "string", default: "512" },
    },
    strict: false,
  });
  const { shape: shapeName, type: typeName, threads: threadsText, context, ...options } = values;
  const threads = Number(threadsText);
  const shape = shapeNamed(shapeName);
  const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");
  // Libraries print to the console; keep that off the protocol.
  console.log = console.info = console.debug = console.error;
  let engine;
  try {
    const start = performance.now();
    engine = await load({ shapeName, shape, typeName, type: typeNamed(typeName), threads, context: Number(context), options });
    const { version, notes } = engine;
    const loadMs = performance.now() - start;
    say({ ready: true, peer, version, shape: shapeName, type: typeName, threads, loadMs, notes });
  } catch (error) {
    say({ error: String(error?.stack ?? error) });
    process.exit(1);
  }
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const { op, tokens } = JSON.parse(line);
      if (op === "quit") break;
      else if (op === "prefill") say({ ms: await engine.prefill(promptIds(tokens, shape.vocab)) });
      else if (op === "decode") say(await engine.decode(promptIds(DECODE_PROMPT, shape.vocab), tokens));
      else say({ error: `unknown op ${JSON.stringify(op)}` });
    } catch (error) {
      say({ error: String(error?.stack ?? error) });
    }
  }
  await engine.close();
  process.exit(0);
}
