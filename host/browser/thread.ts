import { serve, type WorkerStart } from "../../src/engine/thread.ts";

const scope = globalThis as unknown as {
  postMessage(ready: "ready"): void;
  close(): void;
  onmessage: ((event: MessageEvent<WorkerStart>) => void) | null;
};

scope.onmessage = ({ data }) => {
  serve(data, () => scope.postMessage("ready"));
  scope.close();
};
