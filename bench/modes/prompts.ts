import type { BenchPrompt } from "../../src/suite/spec-bench.ts";

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
