import { createServer } from "blockffn/server";
import { fromAssets, loadModel, oncePerIsolate } from "blockffn/workers";

// Other places for a model: fromR2(env.MODELS, "nano.safetensors"), fromKv(env.KV, "nano.safetensors"), fromUrl("https://…").
const server = oncePerIsolate(async (env) => {
  const model = await loadModel(fromAssets(env.ASSETS, "/blockffn-nano.q8.safetensors"));
  return createServer(model, { apiKey: env.API_KEY, limits: { concurrency: 2, queue: 16, maxTokens: 512 } });
});

export default {
  async fetch(request, env, context) {
    try {
      const { fetch } = await server(env, context);
      return await fetch(request);
    } catch (error) {
      console.error(error);
      return Response.json({ error: { message: "the model could not be loaded; try again", type: "server_error", param: null, code: "not_loaded" } }, { status: 503 });
    }
  },
};
