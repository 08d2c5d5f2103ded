/** Something to time: `run` does the work once. */
export interface Case {
  readonly name: string;
  readonly run: () => void;
}

export interface Timing {
  readonly name: string;
  /** Milliseconds of one run. */
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const mid = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[mid] as number) : ((sorted[mid - 1] as number) + (sorted[mid] as number)) / 2;
}

/**
 * Times cases side by side: after a warm-up, `rounds` rounds in which each case runs in turn for about `minMs`, so that a
 * change of the machine's speed falls on all of them alike.
 */
export function interleave(cases: readonly Case[], { rounds = 11, minMs = 15 }: { rounds?: number; minMs?: number } = {}): Timing[] {
  const repeats = cases.map(({ run }) => {
    run();
    const start = performance.now();
    let runs = 0;
    do {
      run();
      runs++;
    } while (performance.now() - start < minMs);
    return runs;
  });
  const times: number[][] = cases.map(() => []);
  for (let round = 0; round < rounds; round++) {
    cases.forEach(({ run }, i) => {
      const n = repeats[i] as number;
      const start = performance.now();
      for (let k = 0; k < n; k++) run();
      (times[i] as number[]).push((performance.now() - start) / n);
    });
  }
  return cases.map(({ name }, i) => {
    const values = times[i] as number[];
    return { name, median: median(values), min: Math.min(...values), max: Math.max(...values) };
  });
}

/** A plain text table with aligned columns; numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => (typeof cell === "number" ? format(cell) : cell)));
  const widths = head.map((_, c) => Math.max(...cells.map((row) => (row[c] ?? "").length)));
  const right = head.map((_, c) => rows.length > 0 && rows.every((row) => typeof row[c] === "number"));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, c) => (right[c] ? cell.padStart(widths[c] as number) : cell.padEnd(widths[c] as number)))
      .join("  ")
      .trimEnd();
  return `${cells.map(line).join("\n")}\n`;
}

function format(n: number): string {
  if (!Number.isFinite(n)) return "-";
  const digits = Math.abs(n) >= 100 || Number.isInteger(n) ? 0 : Math.abs(n) >= 10 ? 1 : Math.abs(n) >= 1 ? 2 : 3;
  return n.toFixed(digits);
}
