/** A number for people: thousands apart, and decimals only below a thousand. Not by Intl, whose data take 15 ms to load. */
export function number(value: number, digits = 1): string {
  return value < 1000 && !Number.isInteger(value) ? value.toFixed(digits) : value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A share as a percentage. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

/** Bytes in the largest fitting unit of 1024. */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let at = 0;
  for (; count >= 1024 && at < units.length - 1; at++) count /= 1024;
  return `${at === 0 ? count : count.toFixed(count < 10 ? 2 : 1)} ${units[at] as string}`;
}

/** Rows of text in columns: the first, and those that `left` names, to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[], left: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 || left.includes(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ");
  return rows.map((row) => `${line(row).trimEnd()}\n`).join("");
}
