import { toJsonSchema } from "@valibot/to-json-schema";
import { expect, it } from "vitest";
import { TrainConfigSchema } from "../../train/config/schema.ts";

// The settings that both trainers share. `npx vitest run test/distil/schema.test.ts -u` writes the file anew.
it("is the JSON Schema that distil/ reads", async () => {
  const schema = toJsonSchema(TrainConfigSchema, {
    typeMode: "input",
    overrideAction: ({ valibotAction, jsonSchema }) => {
      if (valibotAction.type === "safe_integer") return { ...jsonSchema, type: "integer" };
      // JSON has no other numbers than finite ones.
      if (valibotAction.type === "finite") return jsonSchema;
      return undefined;
    },
  });
  await expect(`${JSON.stringify(schema, null, 1)}\n`).toMatchFileSnapshot("../../distil/blockffn_distil/schema/train.json");
});
