import { expect, it } from "vitest";
import { TokenizerError } from "../../src/errors.ts";
import { Model } from "../../src/model.ts";
import { createServer } from "../../src/server/index.ts";
import { FakeModel } from "../helpers/fake-model.ts";

it("says at the start that a tokenizer.json is broken, not to the first client", () => {
  const model = new Model(new FakeModel({ tokenizerJson: new TextEncoder().encode("{}") }));
  expect(() => createServer(model)).toThrow(TokenizerError);
});
