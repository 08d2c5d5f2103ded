import { escapeXml } from "../../src/sparsity/xml.ts";
import type { MetricsLine } from "./metrics.ts";

const WIDTH = 860;
const PANEL = 190;
const LEFT = 58;
const RIGHT = 165;
const TOP = 30;
const GAP = 44;
/** Most points of a line: more than pixels help nobody. */
const MAX_POINTS = 600;
const COLORS = ["#2f6fdb", "#d9822b", "#2e9c6a", "#b0417e", "#7a5cc4"];

interface Series {
  readonly name: string;
  readonly points: readonly (readonly [step: number, value: number])[];
}

/** Draws a run: loss (training and validation), sparsity, and the factors of the objectives, over steps. A standalone SVG document. */
export function curvesSvg(lines: readonly MetricsLine[]): string {
  const steps = lines.filter((line) => "loss" in line);
  const valid = lines.filter((line) => "validation" in line);
  const of = (name: string, value: (line: (typeof steps)[number]) => number | null | undefined): Series => ({
    name,
    points: points(steps, value),
  });
  const ofValid = (name: string, value: (line: (typeof valid)[number]) => number | null | undefined): Series => ({
    name,
    points: points(valid, value),
  });
  const factors = Object.keys(steps.at(-1)?.factors ?? {});
  const panels = [
    { title: "loss (nats a token)", series: [of("training", (line) => line.loss), ofValid("validation", (line) => line.validation.nll)] },
    {
      title: "sparsity",
      series: [
        of("TLS", (line) => line.tls),
        of("CLS 8", (line) => line.cls8),
        ofValid("TLS validation", (line) => line.validation.tls),
        ofValid("CLS 8 validation", (line) => line.validation.cls?.["8"]),
      ],
    },
    { title: "objective x factor", series: factors.map((name) => of(name, (line) => line.objectives[name]! * line.factors[name]!)) },
  ]
    .map(({ title, series }) => ({ title, series: series.filter(({ points }) => points.length > 0) }))
    .filter(({ series }) => series.length > 0);
  const height = TOP + panels.length * (PANEL + GAP);
  const last = Math.max(1, lines.at(-1)?.step ?? 0);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    "<style>svg{background:#fff;color:#222}.g{stroke:currentColor;opacity:.15}@media " +
      "(prefers-color-scheme:dark){svg{background:#15171b;color:#ddd}}</style>",
    ...panels.map((panel, i) => draw(panel.title, panel.series, TOP + i * (PANEL + GAP), last)),
    "</svg>\n",
  ].join("\n");
}

function points<T extends { readonly step: number }>(lines: readonly T[], value: (line: T) => number | null | undefined): Series["points"] {
  const all = lines.flatMap((line): [number, number][] => {
    const y = value(line);
    return y === null || y === undefined || !Number.isFinite(y) ? [] : [[line.step, y]];
  });
  if (all.length <= MAX_POINTS) return all;
  // Means of equal stretches, so that spikes do not depend on which point happens to be taken.
  return Array.from({ length: MAX_POINTS }, (_, i) => {
    const part = all.slice(Math.floor((i * all.length) / MAX_POINTS), Math.floor(((i + 1) * all.length) / MAX_POINTS));
    return [mean(part.map(([x]) => x)), mean(part.map(([, y]) => y))] as const;
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function draw(title: string, series: readonly Series[], top: number, last: number): string {
  const values = series.flatMap(({ points }) => points.map(([, y]) => y));
  const low = Math.min(...values);
  const high = Math.max(...values, low + 1e-9);
  const x = (step: number): number => LEFT + (step / last) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => top + PANEL - ((value - low) / (high - low)) * PANEL;
  const parts = [`<text x="${LEFT}" y="${top - 8}" fill="currentColor" font-weight="600">${escapeXml(title)}</text>`];
  for (let i = 0; i <= 4; i++) {
    const value = low + ((high - low) * i) / 4;
    parts.push(`<line class="g" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}"/>`);
    parts.push(
      `<text x="${LEFT - 6}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end" fill="currentColor">${Number(value.toPrecision(3))}</text>`,
    );
    const step = Math.round((last * i) / 4);
    parts.push(`<text x="${x(step).toFixed(1)}" y="${top + PANEL + 16}" text-anchor="middle" fill="currentColor">${step}</text>`);
  }
  series.forEach(({ name, points }, i) => {
    const color = COLORS[i % COLORS.length]!;
    const path = points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    parts.push(`<polyline fill="none" stroke="${color}" stroke-width="1.6" points="${path}"/>`);
    if (points.length === 1)
      parts.push(`<circle fill="${color}" r="2.5" cx="${x(points[0]![0]).toFixed(1)}" cy="${y(points[0]![1]).toFixed(1)}"/>`);
    parts.push(
      `<text x="${WIDTH - RIGHT + 10}" y="${top + 14 + i * 18}" fill="${color}">` +
        `${escapeXml(name)} ${Number(points.at(-1)![1].toPrecision(4))}</text>`,
    );
  });
  return parts.join("\n");
}
