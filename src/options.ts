import { UsageError } from "./errors.ts";

/** The names of an interface's options, so that none can be forgotten: `{ ... } satisfies OptionNames<Options>`. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/** Most edits, for each three letters of a name, that a misspelt one may be away. */
const LETTERS_AN_EDIT = 3;

/**
 * Refuses options that nobody would read: a misspelt one would silently mean its default.
 * @param what what the options are for, as errors call it
 * @throws UsageError naming the option and the one that was probably meant.
 */
export function checkOptions(options: unknown, names: Readonly<Record<string, true>>, what: string): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new UsageError(
      `the options of ${what} must be an object, such ` +
        `as { ${Object.keys(names)[0]} }, not ${options === null ? "null" : Array.isArray(options) ? "a list" : typeof options}`,
    );
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue;
    const known = Object.keys(names);
    const near = nearest(name, known);
    throw new UsageError(`is no option of ${what}; ${near === undefined ? `there are ${known.join(", ")}` : `did you mean ${near}?`}`, {
      field: name,
    });
  }
}

/** The known name that is closest; undefined when none is close. Letter case, "_" and "-" do not count. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string): string => text.replace(/[_-]/g, "").toLowerCase();
  const wanted = plain(name.slice(0, 64));
  const distances = known
    .map((other) => ({ other, edits: editDistance(wanted, plain(other)), begins: commonStart(wanted, plain(other)) }))
    .sort((a, b) => a.edits - b.edits || b.begins - a.begins);
  const best = distances[0];
  return best !== undefined && best.edits <= Math.ceil(wanted.length / LETTERS_AN_EDIT) ? best.other : undefined;
}

function commonStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** Insertions, deletions and substitutions between two words (V. I. Levenshtein, 1966; by R. A. Wagner and M. J. Fischer, 1974). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
