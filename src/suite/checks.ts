/** What an answer must show; each part that is there must hold. Texts are compared without regard to case. */
export interface Check {
  /** One of them stands in the answer, as whole words. */
  readonly anyOf?: readonly string[];
  /** All of them stand in the answer, as whole words. */
  readonly allOf?: readonly string[];
  /** None of them stands in the answer, as whole words. */
  readonly noneOf?: readonly string[];
  /** A regular expression, with flags "imu", that matches somewhere in the answer. */
  readonly matches?: string;
  /** Fewest and most words. */
  readonly words?: readonly [number, number];
  /** Fewest and most lines that are not blank. */
  readonly lines?: readonly [number, number];
  /** Fewest and most items of a list: lines that begin with a number or a bullet. */
  readonly items?: readonly [number, number];
  /** No letter is small. */
  readonly upperCase?: true;
  /** No letter is capital. */
  readonly lowerCase?: true;
  /** A JSON object with these keys, alone or in a code block. */
  readonly jsonKeys?: readonly string[];
}

/** Whether an answer passes. */
export function passes(answer: string, check: Check): boolean {
  const within = (count: number, range: readonly [number, number] | undefined): boolean =>
    range === undefined || (count >= range[0] && count <= range[1]);
  const lines = answer.split("\n").filter((line) => line.trim() !== "");
  return (
    answer.trim() !== "" &&
    (check.anyOf?.some((text) => holds(answer, text)) ?? true) &&
    (check.allOf?.every((text) => holds(answer, text)) ?? true) &&
    !(check.noneOf?.some((text) => holds(answer, text)) ?? false) &&
    (check.matches === undefined || new RegExp(check.matches, "imu").test(answer)) &&
    within(answer.split(/\s+/).filter((word) => word !== "").length, check.words) &&
    within(lines.length, check.lines) &&
    within(lines.filter((line) => /^\s*(\d+[.)]|[-*•])\s/.test(line)).length, check.items) &&
    (check.upperCase === undefined || (answer === answer.toUpperCase() && answer !== answer.toLowerCase())) &&
    (check.lowerCase === undefined || (answer === answer.toLowerCase() && answer !== answer.toUpperCase())) &&
    (check.jsonKeys === undefined || hasKeys(answer, check.jsonKeys))
  );
}

/** Whether `text` stands in `answer` with no letter or digit of the same word beside it. */
function holds(answer: string, text: string): boolean {
  const escaped = text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  return new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, "iu").test(answer);
}

function hasKeys(answer: string, keys: readonly string[]): boolean {
  const from = answer.indexOf("{");
  const to = answer.lastIndexOf("}");
  if (from < 0 || to < from) return false;
  try {
    const value: unknown = JSON.parse(answer.slice(from, to + 1));
    return typeof value === "object" && value !== null && keys.every((key) => Object.hasOwn(value, key));
  } catch {
    return false;
  }
}
