import { runPeer } from "./run.mjs";

await runPeer("onnxruntime-web");
