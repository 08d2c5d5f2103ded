import { GENERATE_OPTIONS, resolveOptions, type GenerateOptions } from "../decode/options.ts";
import { UsageError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { checkTemplateValues } from "../text/template-values.ts";
import { RENDER_OPTIONS, type RenderOptions } from "../text/render-template.ts";

/** What becomes of a conversation that outgrows the context. */
export const OVERFLOWS = ["drop", "refuse"] as const;
export type Overflow = (typeof OVERFLOWS)[number];

/** How a conversation is answered. What the options of `generate` do not say is `chatDefaults`. */
export interface ChatOptions extends GenerateOptions, Omit<RenderOptions, "addGenerationPrompt"> {
  /**
   * A conversation that outgrows the context: `drop` leaves out whole turns, the oldest first, never the system text, until half of the
   * context is free; `refuse` is a LimitError. Default: `refuse` for `chat`, `drop` for `createChat`.
   */
  readonly overflow?: Overflow;
}

const { addGenerationPrompt: _, ...RENDER } = RENDER_OPTIONS;

/** Names of `ChatOptions`. */
export const CHAT_OPTIONS = { ...GENERATE_OPTIONS, ...RENDER, overflow: true } satisfies OptionNames<ChatOptions>;

/** Options by who takes them. */
export interface SplitOptions {
  readonly generate: GenerateOptions;
  readonly render: RenderOptions;
  readonly overflow: Overflow | undefined;
}

/** Checks what can be checked without a model. @throws UsageError naming the option. */
export function splitOptions({ overflow, tools, values, ...generate }: ChatOptions): SplitOptions {
  if (overflow !== undefined && !OVERFLOWS.includes(overflow))
    throw new UsageError(`must be one of ${OVERFLOWS.join(", ")}`, { field: "overflow" });
  if (tools !== undefined && !Array.isArray(tools)) throw new UsageError("must be a list of JSON schemas", { field: "tools" });
  if (values !== undefined) checkTemplateValues(values, "values");
  return { generate, render: { ...(tools !== undefined && { tools }), ...(values !== undefined && { values }) }, overflow };
}

/**
 * Refuses unknown names and values out of range.
 * @param what what the options are for, as errors call it
 * @throws UsageError naming the option.
 */
export function checkChatOptions(options: ChatOptions, what: string): void {
  checkOptions(options, CHAT_OPTIONS, what);
  resolveOptions(splitOptions(options).generate);
}
