/** Levels of a request at which a parameter can stand: body, message, part of a message, and what is in it. */
const LEVELS = 8;

/**
 * A request without the parameters that are null: clients write every parameter that they know, and null where they ask for nothing.
 * What holds none is not copied: a body may be a million braces.
 */
export function withoutNulls(value: Record<string, unknown>): Record<string, unknown> {
  return without(value, LEVELS) as Record<string, unknown>;
}

function without(value: unknown, levels: number): unknown {
  if (typeof value !== "object" || value === null || levels === 0) return value;
  return Array.isArray(value) ? withoutIn(value, levels - 1) : withoutOf(value as Readonly<Record<string, unknown>>, levels - 1);
}

function withoutIn(list: readonly unknown[], levels: number): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (const [i, entry] of list.entries()) {
    const kept = without(entry, levels);
    if (kept !== entry) copy ??= list.slice(0, i);
    copy?.push(kept);
  }
  return copy ?? list;
}

function withoutOf(object: Readonly<Record<string, unknown>>, levels: number): Readonly<Record<string, unknown>> {
  const keys = Object.keys(object);
  let copy: [string, unknown][] | undefined;
  for (const [i, key] of keys.entries()) {
    const entry = object[key];
    const kept = without(entry, levels);
    if (entry === null || kept !== entry) copy ??= keys.slice(0, i).map((before) => [before, object[before]]);
    if (entry !== null) copy?.push([key, kept]);
  }
  // fromEntries makes a field of its own of every name, also of __proto__.
  return copy === undefined ? object : Object.fromEntries(copy);
}
