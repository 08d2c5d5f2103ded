// Built into one file, dist/browser/blockffn.js, with worker.js and the engine beside it (scripts/build-browser.mjs).
export * from "../../src/index.ts";
export { clearModelCache, loadModel, type BrowserLoadOptions } from "./load.ts";
export { loadModelInWorker, WorkerModel, type WorkerLoadOptions } from "./worker-model.ts";
export type { RemoteTokenizer } from "./remote-tokenizer.ts";
export type { RemoteGeneration } from "./remote-generation.ts";
export type { ModelInfo } from "./protocol.ts";
