// onnxruntime-web's WebAssembly backend on the decoder that onnx.mjs writes. Runs in a page, or in Node as it stands.
let ort;
let session;
let options;
/** Keys and values so far, by input name, and how many positions they hold. */
let cache;
let length;

/** `bytes(url)` reads a file; `location` is the external data file's name inside the model. */
async function create({ ortModule, wasmPaths, threads, location, shape }, bytes, model, data) {
  ort = await import(ortModule);
  ort.env.wasm.numThreads = threads;
  if (wasmPaths) ort.env.wasm.wasmPaths = wasmPaths;
  options = shape;
  session = await ort.InferenceSession.create(await bytes(model), {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
    externalData: [{ path: location, data: await bytes(data) }],
  });
  return { threads: ort.env.wasm.numThreads, ort: ort.env.versions?.web };
}

/** Loads the model that the page's server offers. */
export const load = (settings) =>
  create(settings, async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer()), settings.model, settings.data);

/** Loads the model with `read(path)`, where there is no server. */
export const loadWith = (settings, read) => create(settings, read, settings.model, settings.data);

function clear() {
  const { layers, kvHeads, headDim } = options;
  cache = {};
  length = 0;
  for (let i = 0; i < layers; i++) {
    for (const kind of ["key", "value"]) {
      cache[`past.${i}.${kind}`] = new ort.Tensor("float32", new Float32Array(0), [1, kvHeads, 0, headDim]);
    }
  }
}

/** Evaluates `ids` after the cache; resolves to the last token's logits. */
async function evaluate(ids) {
  length += ids.length;
  const outputs = await session.run({
    ...cache,
    input_ids: new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]),
    seqlens_k: new ort.Tensor("int32", Int32Array.of(length - 1), [1]),
    total_sequence_length: new ort.Tensor("int32", Int32Array.of(length), []),
  });
  for (const name of Object.keys(cache)) cache[name] = outputs[name.replace("past", "present")];
  return outputs.logits.data;
}

function mostProbable(logits) {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  return best;
}

/** One prompt from an empty cache, in milliseconds. */
export async function prefill(ids) {
  clear();
  const start = performance.now();
  await evaluate(ids);
  return performance.now() - start;
}

/** `steps` greedy steps after `prompt`. */
export async function decode({ prompt, steps }) {
  clear();
  let logits = await evaluate(prompt);
  const ids = [];
  const start = performance.now();
  for (let i = 0; i < steps; i++) {
    ids.push(mostProbable(logits));
    logits = await evaluate(ids.slice(-1));
  }
  return { ms: performance.now() - start, ids };
}
