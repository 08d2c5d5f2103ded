import { UsageError } from "../errors.ts";
import { checkTemplateValues, effortValues, type TemplateValues } from "../text/template-values.ts";
import { badRequest } from "./errors.ts";

/**
 * What a request gives its model's chat template.
 * @param effort `reasoning_effort`
 * @param named `chat_template_kwargs`, which goes before what the effort means
 * @throws ApiError 400 naming the value that cannot be taken.
 */
export function templateValues(effort: string | undefined, named: unknown): TemplateValues {
  const values = effort === undefined ? {} : effortValues(effort);
  if (named === undefined) return values;
  try {
    return { ...values, ...checkTemplateValues(named, "chat_template_kwargs") };
  } catch (error) {
    if (error instanceof UsageError) throw badRequest(error.message, error.field);
    throw error;
  }
}
