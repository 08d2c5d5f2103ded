import { runPeer } from "./run.mjs";

await runPeer("wllama");
