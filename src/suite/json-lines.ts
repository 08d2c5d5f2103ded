import * as v from "valibot";
import { FormatError } from "../errors.ts";

/**
 * The values of a file of JSON lines; empty lines are passed over.
 * @param needs what a line must have, for errors
 * @throws FormatError naming file and line
 */
export function readJsonLines<S extends v.GenericSchema>(text: string, file: string, schema: S, needs: string): v.InferOutput<S>[] {
  const values: v.InferOutput<S>[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const field = `line ${i + 1}`;
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch (cause) {
      throw new FormatError("is not JSON", { file, field, cause });
    }
    const result = v.safeParse(schema, json);
    if (!result.success) throw new FormatError(`must have ${needs}`, { file, field });
    values.push(result.output);
  }
  return values;
}
