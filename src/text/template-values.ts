import { UsageError } from "../errors.ts";

/**
 * Values that a chat template may name besides the conversation, as `apply_chat_template` of transformers takes them by name
 * (`enable_thinking: false`, `reasoning_effort: "high"`): texts, numbers and booleans.
 */
export type TemplateValues = Readonly<Record<string, string | number | boolean>>;

/** How many there may be, and how long their names and texts, in UTF-16 units. */
export const TEMPLATE_VALUE_LIMITS = { count: 32, name: 64, text: 4096 } as const;

/** What rendering sets itself. */
const OWN = ["messages", "tools", "documents", "add_generation_prompt", "continue_final_message"];
const TOKEN = /^(bos|eos|unk|pad|sep|cls|mask)_token$/;

/** @throws UsageError naming the value, below `field`. */
export function checkTemplateValues(values: unknown, field: string): TemplateValues {
  if (typeof values !== "object" || values === null || Array.isArray(values))
    throw new UsageError("must be an object of texts, numbers and booleans", { field });
  const entries = Object.entries(values);
  const { count, name: longest, text } = TEMPLATE_VALUE_LIMITS;
  if (entries.length > count) throw new UsageError(`has ${entries.length} values; at most ${count} are taken`, { field, limit: count });
  for (const [name, value] of entries) {
    const where = { field: `${field}.${name.slice(0, longest)}` };
    if (name.length > longest || !/^[A-Za-z_]\w*$/.test(name))
      throw new UsageError(`is no name of a template's value: letters, digits and _, at most ${longest}`, { ...where, limit: longest });
    if (OWN.includes(name) || TOKEN.test(name)) throw new UsageError("is given to the template already; leave it out", where);
    if (typeof value === "string" && value.length > text)
      throw new UsageError(`has ${value.length} characters; at most ${text} are taken`, { ...where, limit: text });
    if (typeof value !== "string" && typeof value !== "boolean" && !Number.isFinite(value))
      throw new UsageError("must be a text, a number, true or false", where);
  }
  return values as TemplateValues;
}

/** What templates call an effort: its name, and whether to think at all, by the names that models in use have for it. */
export function effortValues(effort: string): TemplateValues {
  const thinks = effort !== "none";
  return { reasoning_effort: effort, enable_thinking: thinks, thinking: thinks };
}
