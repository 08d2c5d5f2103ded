import { createServer } from "blockffn/server";
import { fromAssets, loadModel, serveWorker } from "blockffn/workers";

// Other places for a model: fromR2(env.MODELS, "nano.safetensors"), fromKv(env.KV, "nano.safetensors"), fromUrl("https://…").
export default {
  fetch: serveWorker(async (env) => {
    const model = await loadModel(fromAssets(env.ASSETS, "/blockffn-nano.q8.safetensors"));
    return createServer(model, { apiKey: env.API_KEY, limits: { concurrency: 2, queue: 16, maxTokens: 512, stallMs: 10_000 } });
  }),
};
