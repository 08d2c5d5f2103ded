import { expect, it } from "vitest";
import type { ModelFiles } from "../../src/format/source.ts";
import { loadModel } from "../../src/load/load.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { diskFiles, testHost } from "../helpers/test-host.ts";

describeShared("pytorch_model.bin", "golden/models/gqa_blocklinear_rms", () => {
  it("gives the same weights in memory, bit for bit, as model.safetensors", async () => {
    const folder = sharedPath("golden/models/gqa_blocklinear_rms");
    const without = (hidden: string): ModelFiles => {
      const files = diskFiles(folder);
      return { ...files, open: async (name) => (name === hidden ? undefined : files.open(name)) };
    };
    const load = async (hidden: string) => {
      const model = await loadModel({ ...testHost, open: async () => without(hidden) }, folder);
      return model.engine.bytes(model.addresses.weights, model.plan.bytes);
    };
    const [fromBin, fromSafetensors] = [await load("model.safetensors"), await load("pytorch_model.bin")];
    expect(Buffer.compare(fromBin, fromSafetensors)).toBe(0);
  });
});
