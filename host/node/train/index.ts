import { ensureNavigator } from "./navigator.ts";

// Before anything of the autodiff library runs.
ensureNavigator();

export * from "../../../train/index.ts";
export { RunFolder } from "./run-folder.ts";
export { DraftFolder } from "./draft-folder.ts";
export { workerGradients } from "./worker-gradients.ts";
