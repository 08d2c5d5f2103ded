import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DEFAULT_MODEL, loadModel } from "../../host/node/index.ts";
import { WASI_COMMAND } from "../../host/wasi/index.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";
import { wasiJson } from "../helpers/wasi.ts";

describeShared("a stop text that is a special token", "reports/stop-special-token/config.json", () => {
  it("ends where the token comes, in the library", async () => {
    using model = await loadModel(sharedPath("reports/stop-special-token"));
    const ends = async (stop: string): Promise<unknown[]> => {
      const { text, finishReason, tokens } = await model.generate("Q", { maxTokens: 8, stop }).result();
      return [text, finishReason, tokens];
    };
    expect(await ends("<|eot|>")).toEqual(["Yes.", "stop", [3, 4, 2]]);
    expect(await ends(".<|eot|>")).toEqual(["Yes", "stop", [3, 4, 2]]);
    expect((await ends("eot"))[1]).toBe("length");
  });
});

describe.skipIf(!existsSync(WASI_COMMAND))("stop texts of the WASI command", () => {
  it("end where they end in the library, drafted or not", async () => {
    using model = await loadModel(undefined, { tier: "simd" });
    const folder = temporaryFolder();
    cpSync(DEFAULT_MODEL, join(folder, "m.safetensors"));
    for (const stop of [["."], ["the"], [" was a", "little"], ["never there"], ["Once", "and Ben"]]) {
      const want = await model.generate("Lily and Ben", { maxTokens: 60, stop, speculate: "off" }).result();
      for (const speculate of ["off", "ngram"]) {
        const args = [
          "--model",
          "m.safetensors",
          "--prompt",
          "Lily and Ben",
          "--max-tokens",
          "60",
          "--speculate",
          speculate,
          ...stop.flatMap((text) => ["--stop", text]),
        ];
        const got = await wasiJson(folder, args);
        expect([got.text, got.finishReason, got.tokens]).toEqual([want.text, want.finishReason, want.tokens]);
      }
    }
  });

  it("may be special tokens", async () => {
    using model = await loadModel(undefined, { tier: "simd" });
    const folder = temporaryFolder();
    cpSync(DEFAULT_MODEL, join(folder, "m.safetensors"));
    const end = await model.generate("Once upon a time", { maxTokens: 400, speculate: "off" }).result();
    expect(end.finishReason).toBe("eos");
    const want = await model.generate("Once upon a time", { maxTokens: 400, ignoreEos: true, stop: "</s>", speculate: "off" }).result();
    expect([want.text, want.finishReason, want.tokens]).toEqual([end.text, "stop", end.tokens]);
    const got = await wasiJson(folder, [
      "--model",
      "m.safetensors",
      "--prompt",
      "Once upon a time",
      "--max-tokens",
      "400",
      "--ignore-eos",
      "--stop",
      "</s>",
    ]);
    expect([got.text, got.finishReason, got.tokens]).toEqual([want.text, "stop", want.tokens]);
  });
});
