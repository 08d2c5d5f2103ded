import type { Check } from "./checks.ts";

/** A fixed question and what its answer must show. */
export interface Instruction {
  readonly kind: "format" | "arithmetic" | "extraction" | "rewriting";
  readonly prompt: string;
  readonly check: Check;
}

/**
 * Chosen once, without a look at any student: of 92 questions those that SmolLM2-135M-Instruct (8 bits, greedy) passes, at even distances
 * in
 * each kind, without those of arithmetic whose answer stands in the question. So a teacher of that size passes all, and what a student
 * fails it has lost.
 */
export const INSTRUCTIONS: readonly Instruction[] = [
  { kind: "format", prompt: "List three fruits, one per line, numbered.", check: { items: [3, 3] } },
  { kind: "format", prompt: "Name four colors as a bulleted list.", check: { items: [4, 4] } },
  {
    kind: "format",
    prompt: "List the four seasons of the year.",
    check: { allOf: ["spring", "summer", "winter"], anyOf: ["autumn", "fall"] },
  },
  { kind: "format", prompt: "Describe the sun in one short sentence.", check: { words: [4, 40], lines: [1, 1] } },
  {
    kind: "format",
    prompt: 'Write a short email to my boss asking for a day off. Begin with "Subject:".',
    check: { matches: "^\\W*subject:", anyOf: ["day off"] },
  },
  {
    kind: "format",
    prompt: "Write a JSON object that describes a book, with the keys title and author.",
    check: { jsonKeys: ["title", "author"] },
  },
  {
    kind: "format",
    prompt: "Write a Python program that prints Hello, World!",
    check: { matches: "print\\([\"']Hello, ?World!?[\"']\\)" },
  },
  { kind: "format", prompt: "Write an SQL query that selects all rows of the table users.", check: { matches: "select \\* from users" } },
  { kind: "arithmetic", prompt: "What is 2 + 2?", check: { matches: "\\b4\\b" } },
  { kind: "arithmetic", prompt: "What is 3 times 4?", check: { matches: "\\b12\\b" } },
  { kind: "arithmetic", prompt: "What is 6 x 7?", check: { matches: "\\b42\\b" } },
  { kind: "arithmetic", prompt: "What is half of 10?", check: { matches: "\\b5\\b|five" } },
  { kind: "arithmetic", prompt: "What is 8 + 8?", check: { matches: "\\b16\\b" } },
  { kind: "arithmetic", prompt: "A book costs 5 dollars. How much do 2 books cost?", check: { matches: "\\b10\\b|ten" } },
  { kind: "arithmetic", prompt: "How many days are in a week?", check: { matches: "\\b7\\b|seven" } },
  {
    kind: "extraction",
    prompt: 'What is the name of the person in this sentence? "Maria went to the market to buy apples."',
    check: { allOf: ["Maria"] },
  },
  {
    kind: "extraction",
    prompt: 'Extract the date from this text: "The meeting is on 12 March 2024 in room 5."',
    check: { matches: "12 March 2024|March 12,? 2024" },
  },
  { kind: "extraction", prompt: 'How old is the boy? "Peter is nine years old and likes football."', check: { anyOf: ["nine", "9"] } },
  {
    kind: "extraction",
    prompt: 'Where is the key? "The key is under the flower pot next to the door."',
    check: { anyOf: ["flower pot", "pot"] },
  },
  {
    kind: "extraction",
    prompt: 'Read the text and answer. "The library opens at 9 and closes at 6." When does the library open?',
    check: { anyOf: ["9", "nine"] },
  },
  { kind: "extraction", prompt: "What is the capital of France?", check: { anyOf: ["Paris"] } },
  { kind: "extraction", prompt: "What language is spoken in Spain?", check: { anyOf: ["Spanish"] } },
  { kind: "extraction", prompt: "What is the boiling point of water in Celsius?", check: { matches: "\\b100\\b" } },
  { kind: "rewriting", prompt: 'Correct the grammar: "She go to school every day."', check: { matches: "she goes to school" } },
  { kind: "rewriting", prompt: 'Fix the grammar: "He have two dogs."', check: { matches: "he has two dogs" } },
  { kind: "rewriting", prompt: 'Rewrite in the past tense: "She plays the piano."', check: { matches: "played" } },
  {
    kind: "rewriting",
    prompt: 'Summarize in one sentence: "The dog was lost for three days. Its owner looked everywhere. At last it came home by itself."',
    check: { lines: [1, 2], words: [4, 40], anyOf: ["dog"] },
  },
  { kind: "rewriting", prompt: 'Complete the sentence: "The sky is"', check: { anyOf: ["blue", "sky"] } },
  {
    kind: "rewriting",
    prompt: 'Combine these sentences into one: "It rained. We stayed home."',
    check: { matches: "rain[\\s\\S]*home|home[\\s\\S]*rain" },
  },
  { kind: "rewriting", prompt: 'Write this sentence in capital letters: "good morning"', check: { matches: "GOOD MORNING" } },
];
