import { ownTask } from "../../src/pause.ts";
import type { Host } from "../../src/host.ts";
import { loadModel as load } from "../../src/load/load.ts";
import { locationOf } from "../../src/load/location.ts";
import { Model } from "../../src/model.ts";
import type { LoadOptions } from "../../src/engine/types.ts";
import { StreamSource } from "../web/stream-source.ts";
import { workersEngine } from "./engine.ts";
import { fromUrl, type ModelSource, type ModelStream } from "./sources.ts";

/** Workers: one source, the engine of the bundle. */
function workersHost(source: ModelSource): Host {
  return {
    tiers: ["simd"],
    engine: workersEngine,
    async open() {
      let opened: ModelStream | undefined;
      return {
        name: source.name,
        single: true,
        unchanged: async () => opened?.unchanged?.(),
        async open(path) {
          if (path !== "") return undefined;
          opened = await source.open();
          return new StreamSource(source.name, opened.size, opened.stream);
        },
      };
    },
    now: () => performance.now(),
    // It goes on at I/O only (https://developers.cloudflare.com/workers/runtime-apis/performance/).
    frozenClock: true,
    // A request that ends early takes its tasks with it: others must not wait for their turn behind one of its.
    pause: ownTask,
  };
}

/**
 * Loads a packed model in a Worker, streamed straight into WebAssembly memory: its bytes are in the isolate once.
 * It does I/O, so it must run for a request, not at the top level.
 * @throws SourceError when it cannot be read; FormatError, ConfigError, TokenizerError or LimitError when it cannot be used.
 */
export async function loadModel(source: ModelSource | string | URL, options: LoadOptions = {}): Promise<Model> {
  const given: unknown = source;
  const isSource = typeof given === "object" && given !== null && typeof (given as Partial<ModelSource>).open === "function";
  const from = isSource ? (source as ModelSource) : fromUrl(locationOf(source));
  return new Model(await load(workersHost(from), from.name, options));
}
