import { color, isActive, Picture } from "./canvas.js";

const LABEL = 18;
const COUNT = 22;
const DECAY = 0.72;
/** What is left of a light when it counts as gone out. */
const DARK = 0.08;

/** The experts of one token: a row of lights for each layer. Those that were on a moment ago still glow. */
export class Lights {
  #picture;
  #layers;
  #experts;
  #words;
  #glow;
  #mask;
  #lit = 0;
  dense = false;

  constructor(canvas, { layers, experts }) {
    this.#layers = layers;
    this.#experts = experts;
    this.#words = Math.ceil(experts / 32);
    this.#glow = new Float32Array(layers * experts);
    this.#picture = new Picture(
      canvas,
      (width) => layers * Math.max(5, Math.min(22, ((width - LABEL - COUNT) / experts) * 1.5)),
      (...drawing) => this.#draw(...drawing),
    );
  }

  clear() {
    this.#glow.fill(0);
    this.#mask = undefined;
    this.#picture.redraw();
  }

  /** Shows a token. With `layers` only so many from the bottom of the network are lit yet. */
  show(mask, layers = this.#layers) {
    if (mask !== this.#mask) {
      this.#mask = mask;
      this.#lit = 0;
    }
    for (; this.#lit < layers; this.#lit++) {
      for (let e = 0; e < this.#experts; e++) {
        const at = this.#lit * this.#experts + e;
        this.#glow[at] = isActive(mask, this.#words, this.#lit, e) ? 1 : this.#glow[at] * DECAY;
      }
    }
    this.#picture.redraw();
  }

  #count(layer) {
    let count = 0;
    for (let e = 0; e < this.#experts; e++) if (isActive(this.#mask, this.#words, layer, e)) count++;
    return count;
  }

  #draw(context, width, height) {
    const rowHeight = height / this.#layers;
    const cell = (width - LABEL - COUNT) / this.#experts;
    const gap = cell > 4 ? 1 : 0;
    const [off, on, warm, vain] = [color("cell-off"), color("cell-on"), color("cell-warm"), color("cell-vain")];
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    for (let layer = 0; layer < this.#layers; layer++) {
      const y = layer * rowHeight;
      context.fillStyle = color("muted");
      if (rowHeight >= 10) {
        context.fillText(String(layer + 1), 0, y + rowHeight / 2);
        context.textAlign = "right";
        if (layer < this.#lit && this.#mask !== undefined) context.fillText(String(this.#count(layer)), width, y + rowHeight / 2);
        context.textAlign = "left";
      }
      for (let e = 0; e < this.#experts; e++) {
        const glow = this.#glow[layer * this.#experts + e];
        context.globalAlpha = 1;
        context.fillStyle = this.dense && this.#mask !== undefined ? vain : off;
        const box = [LABEL + e * cell, y, cell - gap, rowHeight - 2];
        if (glow < 1) context.fillRect(...box);
        if (glow <= DARK) continue;
        context.fillStyle = glow === 1 ? on : warm;
        context.globalAlpha = glow;
        context.fillRect(...box);
      }
    }
    context.globalAlpha = 1;
  }
}
