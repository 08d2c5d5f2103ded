// Run by threads.test.ts on Deno: the ten prompts on as many threads as the first argument says, every call shared; then what the second says.
import { loadModel } from "../../../dist/lib/deno.js";

const [threads, ending] = Deno.args;
const { maxTokens, prompts } = (await import("../prompts.json", { with: { type: "json" } })).default;
const model = await loadModel(undefined, { tier: "simd", ...(threads !== "default" && { threads: Number(threads) }) });
const { team } = model.loaded.engine;
if (team !== undefined) team.always = true;
const tokens = [];
for (const { prompt } of prompts) tokens.push([...(await model.generate(prompt, { maxTokens }).result()).tokens]);
if (ending === "dispose") model.dispose();
console.log(JSON.stringify({ threads: model.threads, tokens }));
// Time to look at the process.
if (ending === "dispose") setTimeout(() => undefined, 20_000);
