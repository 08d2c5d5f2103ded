// Measures several engines side by side: node interleave.mjs --peers blockffn,llamacpp,wllama,onnxruntime-web
import { measure } from "./measure.mjs";
import { options } from "./options.mjs";

const chosen = options(
  `node interleave.mjs [options]
  --peers LIST     engines, comma-separated, "peer" or "peer?option=value"; ratios are the first one's over the others'
                   (llamacpp,onnxruntime-web,wllama)`,
  { peers: { type: "string" } },
);
const specs = (chosen.peers ?? "llamacpp,onnxruntime-web,wllama").split(",");
const report = await measure(specs, chosen, (line) => console.error(line));
if (chosen.json) {
  const { shape, type, threads, prompt, steps, rounds } = chosen;
  console.log(JSON.stringify({ shape, type, threads, prompt, new: steps, rounds, ...report }));
} else {
  const range = (runs, what) => `${Math.min(...runs.map((r) => r[what])).toFixed(1)}..${Math.max(...runs.map((r) => r[what])).toFixed(1)}`;
  console.log(
    `dense Llama ${chosen.shape} ${chosen.type}, threads ${chosen.threads}, tokens/s: median (lowest..highest) of ${chosen.rounds}`,
  );
  for (const { spec, version, prefillTokensPerSecond, decodeTokensPerSecond, runs, idleCpu } of report.engines) {
    const idle = idleCpu === undefined ? "" : `, idle ${(100 * idleCpu).toFixed(1)} % of a core`;
    console.log(
      `${spec} ${version}: decode ${decodeTokensPerSecond.toFixed(1)} (${range(runs, "decode")}), ` +
        `prefill ${prefillTokensPerSecond.toFixed(1)} (${range(runs, "prefill")})${idle}`,
    );
  }
  for (const { engine, over, prefill, decode } of report.ratios) {
    console.log(`${engine} over ${over}: decode ${decode.toFixed(2)}x, prefill ${prefill.toFixed(2)}x`);
  }
}
