// Measures one engine alone and prints one line; run-<peer>.mjs name the engine.
import { measure } from "./measure.mjs";
import { options } from "./options.mjs";

/** Runs `peer` as the command line says and prints the result. */
export async function runPeer(peer) {
  const chosen = options(`node run-${peer}.mjs [options]\n`);
  const {
    engines: [{ spec: _, ...result }],
  } = await measure([peer], chosen, (line) => console.error(line));
  if (chosen.json) return console.log(JSON.stringify(result));
  const { version, prefillTokensPerSecond, decodeTokensPerSecond } = result;
  console.log(`${peer} ${version}: prefill ${prefillTokensPerSecond.toFixed(1)}, decode ${decodeTokensPerSecond.toFixed(1)} tokens/s`);
}
