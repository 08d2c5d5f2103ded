import { UsageError } from "../errors.ts";
import { SparsityCounter } from "./stats.ts";
import { escapeXml, tokenLabel } from "./xml.ts";

export interface HeatmapData {
  readonly layers: number;
  /** Layers that have experts and are drawn, ascending; default: all. */
  readonly expertLayers?: readonly number[];
  /** Experts of a layer. */
  readonly experts: number;
  /** Text of each token. */
  readonly tokens: readonly string[];
  /** Active experts `[layers][tokens][ceil(experts / 32)]`, bit j of word w for expert 32 w + j. */
  readonly active: Uint32Array;
  readonly title: string;
}

/** Most cells that are drawn; a picture beyond that is neither readable nor small. */
export const MAX_CELLS = 1 << 25;

const WIDTH = 1240;
const MARGIN = 28;
const LABEL_LEFT = 34;
const PANEL_HEAD = 20;
const PANEL_GAP = 14;
const COLUMN_GAP = 26;
const TOKEN_LABELS = 74;
const FONT_SIZE = 10;
const SMALLEST_FONT = 8;
/** Tokens between two guide lines: the chunk length of CLS_8. */
const GUIDE = 8;

/** Sizes in pixels. */
interface Layout {
  readonly columns: number;
  readonly rows: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly panelWidth: number;
  readonly panelHeight: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Draws which experts are active, layer by layer, token by token: one panel a layer, tokens from left to right, experts
 * from top to bottom, a cell filled when the expert is active. An expert that stays active is one long bar.
 * @returns a standalone SVG document that follows the viewer's light or dark theme.
 * @throws UsageError when the sizes do not fit together or are too large.
 */
export function heatmapSvg(data: HeatmapData): string {
  const { layers, experts, tokens, active } = data;
  if (tokens.length === 0) throw new UsageError("holds no token to draw", { field: "tokens" });
  const cells = layers * experts * tokens.length;
  if (cells > MAX_CELLS)
    throw new UsageError(`${cells} cells are too many to draw; the limit is ${MAX_CELLS}`, { field: "tokens", limit: MAX_CELLS });
  const shown = data.expertLayers ?? Array.from({ length: layers }, (_, layer) => layer);
  const counter = new SparsityCounter(layers, experts, shown);
  counter.addDocumentChunk(active, tokens.length);
  const stats = counter.result();
  const layout = layOut(shown.length, experts, tokens.length);
  const parts = [head(data, layout)];
  const summary = [
    `${shown.length} layers × ${experts} experts × ${tokens.length} tokens`,
    `TLS ${percent(stats.tls)}`,
    `CLS₈ ${percent(stats.cls[8])}`,
    `reuse ${percent(stats.reuseRatio)}`,
  ].join("   ·   ");
  parts.push(legend(data.title, summary));
  for (const [place, layer] of shown.entries()) {
    const column = Math.floor(place / layout.rows);
    const row = place % layout.rows;
    const x = MARGIN + column * (LABEL_LEFT + layout.panelWidth + COLUMN_GAP) + LABEL_LEFT;
    const y = layout.top + row * (PANEL_HEAD + layout.panelHeight + PANEL_GAP) + PANEL_HEAD;
    parts.push(panel(data, layout, layer, x, y, percent(stats.tlsPerLayer[layer]!)));
    if (row === layout.rows - 1 || place === shown.length - 1) parts.push(tokenAxis(tokens, layout, x, y + layout.panelHeight));
  }
  parts.push("</svg>\n");
  return parts.join("\n");
}

function layOut(layers: number, experts: number, tokens: number): Layout {
  const room = WIDTH - 2 * MARGIN;
  const comfortable = LABEL_LEFT + tokens * 8 + COLUMN_GAP;
  const mostColumns = Math.max(1, Math.min(4, layers, Math.floor((room + COLUMN_GAP) / comfortable)));
  const rows = Math.ceil(layers / mostColumns);
  const columns = Math.ceil(layers / rows);
  const cellWidth = Math.max(1, Math.min(16, Math.floor(((room + COLUMN_GAP) / columns - LABEL_LEFT - COLUMN_GAP) / tokens)));
  const cellHeight = Math.max(1, Math.min(7, Math.round(170 / experts)));
  const panelWidth = tokens * cellWidth;
  const panelHeight = experts * cellHeight;
  const top = MARGIN + 74;
  return {
    columns,
    rows,
    cellWidth,
    cellHeight,
    panelWidth,
    panelHeight,
    top,
    width: Math.max(760, 2 * MARGIN + columns * (LABEL_LEFT + panelWidth + COLUMN_GAP) - COLUMN_GAP),
    height: top + rows * (PANEL_HEAD + panelHeight + PANEL_GAP) + TOKEN_LABELS,
  };
}

function head({ title, layers, expertLayers, experts, tokens }: HeatmapData, { width, height }: Layout): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" ` +
    `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="t d">
<title id="t">${escapeXml(title)}</title>
<desc id="d">Active experts of ${expertLayers?.length ?? layers} layers with ${experts} experts each ` +
    `over ${tokens.length} tokens; one panel a layer, tokens from left to right, experts from top to bottom.</desc>
<style>
text{font:${FONT_SIZE}px ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;fill:#5b6470}
.bg{fill:#fff}.panel{fill:#eef1f4}.on{fill:#0b6e8f}.guide{stroke:#fff;stroke-width:1;fill:none}
.title{font-size:18px;font-weight:600;fill:#15191e}.sum{font-size:12px}.name{font-size:11px;font-weight:600;fill:#15191e}` +
    `.end{text-anchor:end}.tokens text{font-size:inherit}
@media (prefers-color-scheme:dark){text{fill:#98a3b0}.bg{fill:#12161b}.panel{fill:#1e252d}.on{fill:#4cc3e0}` +
    `.guide{stroke:#12161b}.title,.name{fill:#edf1f5}}
</style>
<rect class="bg" width="${width}" height="${height}"/>`
  );
}

function legend(title: string, summary: string): string {
  const y = MARGIN + 58;
  return `<text class="title" x="${MARGIN}" y="${MARGIN + 10}">${escapeXml(title.length > 90 ? `${title.slice(0, 89)}…` : title)}</text>
<text class="sum" x="${MARGIN}" y="${MARGIN + 32}" xml:space="preserve">${escapeXml(summary)}</text>
<rect class="on" x="${MARGIN}" y="${y - 9}" width="10" height="10"/><text x="${MARGIN + 16}" y="${y}">active: computed</text>
<rect class="panel" x="${MARGIN + 120}" y="${y - 9}" width="10" height="10"/><text x="${MARGIN + 136}" y="${y}">inactive: skipped</text>
<text x="${MARGIN + 244}" y="${y}">tokens left to right, experts top to bottom; a guide line every ${GUIDE} tokens</text>`;
}

function panel(data: HeatmapData, layout: Layout, layer: number, x: number, y: number, tls: string): string {
  const { experts, tokens } = data;
  const { cellWidth, cellHeight, panelWidth, panelHeight } = layout;
  let guides = "";
  for (let token = GUIDE; token < tokens.length; token += GUIDE) guides += `M${token * cellWidth - 0.5} 0v${panelHeight}`;
  return `<g transform="translate(${x} ${y})">
<text class="name" y="-6">Layer ${layer}</text><text class="end" x="${panelWidth}" y="-6">TLS ${tls}</text>
<text class="end" x="-5" y="8">0</text><text class="end" x="-5" y="${panelHeight}">${experts - 1}</text>
<rect class="panel" width="${panelWidth}" height="${panelHeight}"/>
<path class="on" transform="scale(${cellWidth} ${cellHeight})" d="${runs(data, layer, cellHeight)}"/>
<path class="guide" d="${guides}"/>
</g>`;
}

/** One rectangle for each stretch of tokens in which an expert stays active, in cells. */
function runs({ experts, tokens, active }: HeatmapData, layer: number, cellHeight: number): string {
  // A hairline between experts, where there is room for it.
  const height = cellHeight >= 3 ? Math.round(100 - 100 / cellHeight) / 100 : 1;
  const words = Math.ceil(experts / 32);
  const count = tokens.length;
  const parts: string[] = [];
  for (let expert = 0; expert < experts; expert++) {
    const bit = 1 << (expert & 31);
    let start = -1;
    for (let token = 0; token <= count; token++) {
      const on = token < count && (active[(layer * count + token) * words + (expert >>> 5)]! & bit) !== 0;
      if (on && start < 0) start = token;
      if (!on && start >= 0) {
        parts.push(`M${start} ${expert}h${token - start}v${height}h-${token - start}z`);
        start = -1;
      }
    }
  }
  return parts.join("");
}

/** Token texts below a column, upright; only as many as there is room for. */
function tokenAxis(tokens: readonly string[], { cellWidth }: Layout, x: number, y: number): string {
  const step = Math.ceil(SMALLEST_FONT / cellWidth);
  const size = Math.max(SMALLEST_FONT, Math.min(FONT_SIZE, cellWidth));
  const labels: string[] = [];
  for (let i = 0; i < tokens.length; i += step) {
    const centre = ((i + 0.5) * cellWidth).toFixed(1);
    labels.push(
      `<text class="end" transform="translate(${centre} 6) rotate(-90)" dy=".35em" ` +
        `xml:space="preserve">${escapeXml(tokenLabel(tokens[i]!))}</text>`,
    );
  }
  return `<g class="tokens" style="font-size:${size}px" transform="translate(${x} ${y})">\n${labels.join("\n")}\n</g>`;
}

function percent(share: number | null): string {
  return share === null ? "–" : `${(100 * share).toFixed(1)} %`;
}
