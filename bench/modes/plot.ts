import { UsageError } from "../../src/errors.ts";
import { escapeXml } from "../../src/sparsity/xml.ts";
import type { FfnTimes } from "../ffn.ts";
import { bestRows, label } from "./report.ts";
import type { ModelReport, ModesReport } from "./types.ts";

const WIDTH = 1180;
const MARGIN = 28;
const HEAD = 92;
const ROW = 26;
const BAR = 16;
/** Left half: speed. Right half: FFN time. */
const LABELS = 220;
const BARS = 270;
const RIGHT = 690;
const RIGHT_LABELS = 66;
const RIGHT_BARS = 210;
const SECTION_HEAD = 62;
const SECTION_GAP = 26;

/**
 * Bars of a modes report, one section a model: tokens a second of each mode (its best tree), and the FFN's time as a share of the
 * dense FFN's, with a mark where sparsity sets its bound.
 * @returns a standalone SVG document that follows the viewer's light or dark theme.
 * @throws UsageError for an empty report.
 */
export function modesSvg(report: ModesReport): string {
  if (report.models.length === 0) throw new UsageError("holds no model to draw", { field: "models" });
  const heights = report.models.map((model) => SECTION_HEAD + ROW * Math.max(bestRows(model).length, shown(model.ffn).length));
  const height = HEAD + heights.reduce((sum, h) => sum + h + SECTION_GAP, 0) + 6;
  const { cpu, cores, node } = report.machine;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" ` +
      `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="t d">
<title id="t">Dense and sparse decoding, with and without speculation</title>
<desc id="d">${escapeXml(report.models.map(describe).join(" "))}</desc>
<style>
text{font:12px ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;fill:#5b6470}
.bg{fill:#fff}.track{fill:#eef1f4}.dense{fill:#9aa5b1}.sparse{fill:#0b6e8f}.mark{stroke:#c2410c;stroke-width:2}
.title{font-size:18px;font-weight:600;fill:#15191e}.name{font-size:14px;font-weight:600;fill:#15191e}.value{fill:#15191e}` +
      `.sim{fill:#c2410c;font-weight:600}.end{text-anchor:end}
@media (prefers-color-scheme:dark){text{fill:#98a3b0}.bg{fill:#12161b}.track{fill:#1e252d}.dense{fill:#5d6874}` +
      `.sparse{fill:#4cc3e0}.mark{stroke:#fb923c}.title,.name,.value{fill:#edf1f5}.sim{fill:#fb923c}}
</style>
<rect class="bg" width="${WIDTH}" height="${height}"/>
<text class="title" x="${MARGIN}" y="${MARGIN + 10}">Dense and sparse decoding, with and without speculation</text>
<text x="${MARGIN}" y="${MARGIN + 32}">${escapeXml(
        `blockffn ${report.version}   ·   ${cpu}, ${cores} cores   ·   ` + `Node ${node}   ·   medians of alternating runs`,
      )}</text>`,
  ];
  let y = HEAD;
  report.models.forEach((model, i) => {
    parts.push(section(model, y));
    y += (heights[i] as number) + SECTION_GAP;
  });
  parts.push("</svg>\n");
  return parts.join("\n");
}

function section(model: ModelReport, top: number): string {
  const rows = bestRows(model);
  const fastest = Math.max(...rows.map((row) => row.tokensPerSecond));
  const threads = `${model.threads} thread${model.threads > 1 ? "s" : ""}`;
  const parts = [
    `<text class="name" x="${MARGIN}" y="${top + 12}">` +
      `${escapeXml(`${model.name}, ${model.quantization}, ${model.tier}, ${threads}`)}</text>`,
  ];
  if (model.simulation !== null)
    parts.push(
      `<text class="sim" x="${MARGIN}" y="${top + 30}">synthetic weights; routing and acceptance simulated at the paper's values</text>`,
    );
  parts.push(`<text class="end" x="${MARGIN + LABELS + BARS}" y="${top + 52}">tokens/s, times dense AR</text>`);
  rows.forEach((row, i) => {
    const y = top + SECTION_HEAD + i * ROW;
    const x = MARGIN + LABELS;
    const length = Math.max(1, (row.tokensPerSecond / fastest) * BARS);
    parts.push(bar(x, y, BARS, length, row.ffn), `<text class="end" x="${x - 8}" y="${y + 12}">${escapeXml(label(row))}</text>`);
    parts.push(
      `<text class="value" x="${x + BARS + 8}" y="${y + 12}">` + `${figure(row.tokensPerSecond)}  (${row.speedup.toFixed(2)}×)</text>`,
    );
  });
  const ffn = shown(model.ffn);
  if (ffn.length > 0)
    parts.push(`<text x="${RIGHT}" y="${top + 52}">FFN time, share of the dense FFN's; mark: the bound that sparsity sets</text>`);
  ffn.forEach((times, i) => parts.push(ffnBar(times, top + SECTION_HEAD + i * ROW)));
  return parts.join("\n");
}

function ffnBar(times: FfnTimes, y: number): string {
  const share = times.sparseMs / times.denseMs;
  const bound = Math.max(times.computeBoundMs, times.memoryBoundMs) / times.denseMs;
  const x = RIGHT + RIGHT_LABELS;
  const mark = x + Math.min(1, bound) * RIGHT_BARS;
  return [
    `<text class="end" x="${x - 8}" y="${y + 12}">${times.rows === 1 ? "1 token" : `${times.rows} nodes`}</text>`,
    bar(x, y, RIGHT_BARS, Math.min(1, share) * RIGHT_BARS, "sparse"),
    `<line class="mark" x1="${mark.toFixed(1)}" x2="${mark.toFixed(1)}" y1="${y - 3}" y2="${y + BAR + 3}"/>`,
    `<text class="value" x="${x + RIGHT_BARS + 8}" y="${y + 12}">${percent(share)} (bound ${percent(bound)}, ${times.binds})</text>`,
  ].join("\n");
}

function bar(x: number, y: number, width: number, length: number, kind: string): string {
  return (
    `<rect class="track" x="${x}" y="${y}" width="${width}" height="${BAR}" rx="2"/><rect ` +
    `class="${kind}" x="${x}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="2"/>`
  );
}

/** One token, and at most four chunk sizes. */
function shown(ffn: readonly FfnTimes[]): FfnTimes[] {
  return ffn.length <= 5 ? [...ffn] : [ffn[0] as FfnTimes, ...ffn.slice(-4)];
}

function describe(model: ModelReport): string {
  return `${model.name}: ${bestRows(model)
    .map((row) => `${label(row)} ${figure(row.tokensPerSecond)} tokens/s`)
    .join(", ")}.`;
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
