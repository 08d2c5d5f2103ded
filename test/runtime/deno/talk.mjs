// Run by chat.test.ts on Deno: the conversation of ../talk.mjs with the model that is named, as JSON.
import { createChat, loadModel } from "../../../dist/lib/deno.js";
import { talk } from "../talk.mjs";

const model = await loadModel(Deno.args[0], { tier: "simd" });
console.log(JSON.stringify(await talk(createChat, model)));
model.dispose();
