import { escapeXml } from "../../src/sparsity/xml.ts";
import type { TrainResult } from "../run/loop.ts";

/** A trained row of a comparison. */
export interface ComparedResult {
  readonly name: string;
  readonly result: TrainResult;
  /** Median greedy decoding speed of the model in the runtime. */
  readonly decodeTokensPerSecond: number;
}

const COLUMNS = ["", "weights", "PPL", "TLS %", "CLS 8 %", "reuse %", "decode tokens/s"];

/** The comparison as a Markdown table, in the form of the paper's tables 2 and 5, with the speed of each model in the runtime. */
export function comparisonMarkdown(rows: readonly ComparedResult[], about: string): string {
  const share = (value: number | null | undefined): string => (value === null || value === undefined ? "-" : (100 * value).toFixed(2));
  const cells = rows.map(({ name, result, decodeTokensPerSecond }) => {
    const { validation } = result;
    return [
      name,
      String(result.parameters),
      validation === null ? "-" : validation.perplexity.toFixed(3),
      share(validation?.tls),
      share(validation?.cls?.["8"]),
      share(validation?.reuseRatio),
      decodeTokensPerSecond.toFixed(0),
    ];
  });
  const line = (row: readonly string[]): string => `| ${row.join(" | ")} |`;
  return [about, "", line(COLUMNS), line(COLUMNS.map((_, i) => (i === 0 ? "---" : "---:"))), ...cells.map(line), ""].join("\n");
}

const WIDTH = 760;
const HEIGHT = 420;
const EDGE = 64;

interface Label {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  /** To the right of x, else to its left. */
  readonly right: boolean;
}

const LETTER = 6.6;
const LINE = 14;

/** Moves labels down where they would lie on others. */
function placeLabels(labels: readonly Label[]): Label[] {
  const placed = new Map<Label, Label>();
  const span = ({ text, x, right }: Label): [number, number] => (right ? [x, x + text.length * LETTER] : [x - text.length * LETTER, x]);
  for (const label of [...labels].sort((a, b) => a.y - b.y)) {
    const [from, to] = span(label);
    const near = [...placed.values()].filter((other) => span(other)[0] < to && span(other)[1] > from);
    placed.set(label, { ...label, y: Math.max(label.y, ...near.map((other) => other.y + LINE)) });
  }
  return labels.map((label) => placed.get(label) as Label);
}

/** Perplexity over chunk sparsity, one point a row (dense models at 0): right and low is better. A standalone SVG document. */
export function comparisonSvg(rows: readonly ComparedResult[]): string {
  const points = rows.flatMap(({ name, result: { validation } }) =>
    validation === null ? [] : [{ name, x: 100 * (validation.cls?.["8"] ?? 0), y: validation.perplexity }],
  );
  const ys = points.map(({ y }) => y);
  const low = Math.min(...ys);
  const room = Math.max(0.15 * (Math.max(...ys) - low), 0.02 * low);
  const [bottom, top] = [low - room, Math.max(...ys) + room];
  const x = (value: number): number => EDGE + (value / 100) * (WIDTH - 2 * EDGE);
  const y = (value: number): number => HEIGHT - EDGE - ((value - bottom) / (top - bottom)) * (HEIGHT - 1.6 * EDGE);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">`,
    "<style>svg{background:#fff;color:#222}.g{stroke:currentColor;opacity:.15}@media " +
      "(prefers-color-scheme:dark){svg{background:#15171b;color:#ddd}}</style>",
    `<text x="${EDGE}" y="22" fill="currentColor" font-weight="600">Perplexity (lower is better) over chunk sparsity CLS 8 ` +
      `(right is sparser)</text>`,
  ];
  for (let i = 0; i <= 5; i++) {
    const value = bottom + ((top - bottom) * i) / 5;
    parts.push(
      `<line class="g" x1="${EDGE}" x2="${WIDTH - EDGE}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}"/><text ` +
        `x="${EDGE - 8}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end" fill="currentColor">${value.toFixed(2)}</text>`,
    );
    parts.push(`<text x="${x(20 * i)}" y="${HEIGHT - EDGE + 20}" text-anchor="middle" fill="currentColor">${20 * i} %</text>`);
  }
  const labels = placeLabels(points.map((point) => ({ text: point.name, x: x(point.x), y: y(point.y) + 4, right: point.x < 75 })));
  points.forEach((point, i) => {
    const label = labels[i] as Label;
    parts.push(
      `<circle cx="${x(point.x).toFixed(1)}" cy="${y(point.y).toFixed(1)}" r="5" ` +
        `fill="${/^blockffn$/i.test(point.name) ? "#d9822b" : "#2f6fdb"}"/>`,
    );
    parts.push(
      `<text x="${(label.x + (label.right ? 9 : -9)).toFixed(1)}" y="${label.y.toFixed(1)}" ` +
        `text-anchor="${label.right ? "start" : "end"}" fill="currentColor">${escapeXml(point.name)}</text>`,
    );
  });
  return `${parts.join("\n")}\n</svg>\n`;
}
