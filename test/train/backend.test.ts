import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { LimitError, UsageError } from "../../src/errors.ts";
import { currentBackend, intTensor, np, startAutodiff, tensor, valueAndGrad, type Tensor } from "../../train/autodiff/jax.ts";
import { takeRowsByProduct } from "../../train/model/embedding.ts";
import { route } from "../../train/routers/router.ts";
import { ensureNavigator } from "../../host/node/train/navigator.ts";
import { workerGradients } from "../../host/node/train/worker-gradients.ts";

beforeAll(async () => void (await startAutodiff()));

describe("backends", () => {
  afterEach(() => void Reflect.deleteProperty(navigator, "gpu"));
  const offer = (gpu: object): unknown => Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });

  it("says what is missing where there is no WebGPU, and takes WebAssembly if it may", async () => {
    ensureNavigator();
    await expect(startAutodiff("webgpu")).rejects.toThrow(LimitError);
    await expect(startAutodiff("webgpu")).rejects.toThrow("backend: this runtime offers no WebGPU (navigator.gpu); Deno and browsers do");
    expect(await startAutodiff("auto")).toBe("wasm");
    expect(currentBackend()).toBe("wasm");
  });

  it("says so where WebGPU is there and no GPU answers", async () => {
    offer({ requestAdapter: async () => null });
    await expect(startAutodiff("webgpu")).rejects.toThrow("no GPU answers to WebGPU here; use the backend wasm");
    expect(await startAutodiff("auto")).toBe("wasm");
  });

  it("refuses several workers on a GPU", async () => {
    const task = {} as Parameters<typeof workerGradients>[0];
    await expect(workerGradients(task, 2, "webgpu")).rejects.toThrow(UsageError);
  });
});

it("takes rows by a product as by a gather, with the same gradient", () => {
  const table = Float32Array.from({ length: 5 * 3 }, (_, i) => Math.sin(i));
  const ids = Int32Array.of(4, 0, 4, 2);
  const run = (take: (table: Tensor, ids: Tensor) => Tensor): Float32Array[] => {
    const loss = (rows: Tensor): Tensor => np.square(take(rows, intTensor(ids, [4]))).sum();
    const [value, gradient] = valueAndGrad(loss)(tensor(table, [5, 3])) as unknown as [Tensor, Tensor];
    return [value.dataSync() as Float32Array, gradient.dataSync() as Float32Array];
  };
  const [value, gradient] = run(takeRowsByProduct) as [Float32Array, Float32Array];
  const [expected, slope] = run((rows, places) => np.take(rows, places, 0)) as [Float32Array, Float32Array];
  expect(value[0]).toBeCloseTo(expected[0]!, 6);
  gradient.forEach((g, i) => expect(g).toBeCloseTo(slope[i]!, 6));
});

it("gives a ReLU router shares that sum to 1, so that objectives on shares stay finite", () => {
  const ffn = { kind: "experts", router: "relu", experts: 3, expertSize: 1, topK: 1, sharedSize: 0 } as unknown as Parameters<
    typeof route
  >[0];
  const { scores, shares } = route(ffn, tensor(Float32Array.of(3, -1, 1), [1, 3]), undefined, 1e-5, undefined);
  expect([...(scores.dataSync() as Float32Array)]).toEqual([3, 0, 1]);
  expect((shares.dataSync() as Float32Array).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 4);
});
