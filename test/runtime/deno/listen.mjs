// Run by serve.test.ts: a server that is impatient with slow clients.
import { listen } from "../../../dist/lib/deno.js";

const { port } = await listen(
  async (request) => {
    const outcome = await request.text().then(
      (text) => `read ${text.length}`,
      () => "cut off",
    );
    console.log(outcome);
    return new Response(outcome);
  },
  { hostname: "127.0.0.1", port: 0, limits: { headersMs: 300, requestMs: 600 } },
);
console.log(`port ${port}`);
