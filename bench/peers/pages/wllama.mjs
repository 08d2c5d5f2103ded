// Runs inside the page: wllama's low-level calls, timed here so that the way to the page does not count.
let wllama;

/** Loads a GGUF file; resolves to what wllama reports of itself. */
export async function load({ base, model, threads, context }) {
  const { Wllama } = await import(`${base}/esm/index.js`);
  wllama = new Wllama(
    {
      "single-thread/wllama.wasm": `${base}/esm/single-thread/wllama.wasm`,
      "multi-thread/wllama.wasm": `${base}/esm/multi-thread/wllama.wasm`,
    },
    { suppressNativeLog: true },
  );
  const file = await (await fetch(model)).blob();
  await wllama.loadModel([file], { n_ctx: context, n_batch: context, n_threads: threads });
  await wllama.samplingInit({ temp: 0, top_k: 1 });
  return {
    multithread: wllama.isMultithread(),
    threads: wllama.getNumThreads(),
    llamaCpp: Wllama.getLibllamaVersion?.(),
    isolated: crossOriginIsolated,
  };
}

/** One prompt from an empty cache, in milliseconds. */
export async function prefill(ids) {
  await wllama.kvClear();
  const start = performance.now();
  await wllama.decode(ids, {});
  return performance.now() - start;
}

/** `steps` greedy steps after `prompt`. */
export async function decode({ prompt, steps }) {
  await wllama.kvClear();
  await wllama.decode(prompt, {});
  const ids = [];
  const start = performance.now();
  for (let i = 0; i < steps; i++) {
    const { token } = await wllama.samplingSample();
    ids.push(token);
    await wllama.decode([token], {});
  }
  return { ms: performance.now() - start, ids };
}
