import * as v from "valibot";
import { FormatError, UsageError } from "../../src/errors.ts";

/** A prompt as Spec-Bench (arXiv 2401.07851) files have them; only the first turn is used. */
export interface BenchPrompt {
  readonly question_id: number;
  readonly category: string;
  readonly turns: readonly string[];
}

const story = (category: string, texts: readonly string[]): Omit<BenchPrompt, "question_id">[] =>
  texts.map((text) => ({ category, turns: [text] }));

/** Beginnings of children's stories, of several kinds: what the model that comes with the package was trained on. */
export const STORY_PROMPTS: readonly BenchPrompt[] = [
  ...story("opening", [
    "Once upon a time, there was a little girl named Lily. She lived in a small house near the sea.",
    "One day, a boy called Sam found a shiny key under a tree in the park.",
    "There was a big brown bear who was always hungry. One morning he",
  ]),
  ...story("dialogue", [
    'Tom and his mom went to the shop. "Can I have a toy car?" asked Tom. His mom said, "',
    'The cat looked at the dog. "Why are you so sad?" she asked. The dog said, "I lost my ball." The cat said, "',
    '"Look, Ben! A frog!" said Mia. Ben ran to the pond. "Where?" he asked. "',
  ]),
  ...story("repetition", [
    'The little train went up the hill. It said, "I can do it! I can do it!" It went up and up. It said, "I can do it! I can ' +
      'do it!" It went',
    "The girl knocked on the first door. Nobody was there. She knocked on the second door. Nobody was there. She knocked on " +
      "the third door.",
    "The bird sang in the morning. The bird sang in the day. The bird sang in the",
  ]),
  ...story("list", [
    "Anna packed her bag for the beach. She took a red towel, a blue bucket, a yellow spade, a",
    "At the farm, Max saw a cow, a pig, a horse, a sheep, and a",
    "On Monday they played with blocks. On Tuesday they played with balls. On Wednesday they",
  ]),
  ...story("ending", [
    "Tim was sorry that he had broken the vase. He told his dad the truth. His dad gave him a hug and said",
    "The storm was over and the sun came out. All the animals came back to the forest. They were happy because",
    "The lost puppy was home again. The girl held him and smiled. From that day on,",
  ]),
].map((prompt, i) => ({ question_id: i + 1, ...prompt }));

const Schema = v.object({
  question_id: v.pipe(v.number(), v.integer()),
  category: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  turns: v.pipe(v.array(v.pipe(v.string(), v.minLength(1))), v.minLength(1)),
});

/** Questions of MT-bench, whose eight kinds the paper counts as one. */
const CONVERSATION = new Set(["writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities"]);

/**
 * Prompts in Spec-Bench's format, one JSON object a line: question_id, category, turns. MT-bench's eight categories become
 * `conversation`, as in the paper's table 6.
 * @param perCategory prompts kept of each category, the first ones
 * @throws FormatError naming the line; UsageError when nothing is there.
 */
export function parsePrompts(text: string, file: string, perCategory = Infinity): BenchPrompt[] {
  const counts = new Map<string, number>();
  const prompts: BenchPrompt[] = [];
  text.split("\n").forEach((line, i) => {
    if (line.trim() === "") return;
    const field = `line ${i + 1}`;
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch (cause) {
      throw new FormatError("is not JSON", { file, field, cause });
    }
    const result = v.safeParse(Schema, json);
    if (!result.success) throw new FormatError("must have question_id (a whole number), category and turns (texts)", { file, field });
    const { category: own, ...rest } = result.output;
    const category = CONVERSATION.has(own) ? "conversation" : own;
    const count = counts.get(category) ?? 0;
    counts.set(category, count + 1);
    if (count < perCategory) prompts.push({ ...rest, category });
  });
  if (prompts.length === 0) throw new UsageError("holds no prompts", { field: "prompts" });
  return prompts;
}
