import { color, isActive, Picture } from "./canvas.js";

const GAP = 3;
const SMALLEST_COLUMN = 3;
/** Rounded to pixels of the screen. */
const sharp = (length) => Math.round(length * devicePixelRatio) / devicePixelRatio;

/** All tokens so far, a column each, and all experts, a row each: what stays on becomes a bar. */
export class Tape {
  #picture;
  #layers;
  #experts;
  #masks = [];
  #marked = -1;

  constructor(canvas, { layers, experts }) {
    this.#layers = layers;
    this.#experts = experts;
    // Whole pixels of the screen, so that neighbours do not run into each other; low on phones.
    const row = (width) => Math.max(1 / devicePixelRatio, Math.min(1, (width < 500 ? 200 : 480) / (layers * experts)));
    this.#picture = new Picture(
      canvas,
      (width) => layers * experts * sharp(row(width)) + (layers - 1) * GAP,
      (...drawing) => this.#draw(...drawing),
    );
  }

  clear() {
    this.#masks = [];
    this.#marked = -1;
    this.#picture.redraw();
  }

  add(mask) {
    this.#masks.push(mask);
    this.#picture.redraw();
  }

  /** Marks a token; -1: none. */
  mark(index) {
    this.#marked = index;
    this.#picture.redraw();
  }

  #draw(context, width, height) {
    const words = Math.ceil(this.#experts / 32);
    const layerHeight = (height - (this.#layers - 1) * GAP) / this.#layers;
    const row = layerHeight / this.#experts;
    const column = Math.max(SMALLEST_COLUMN, Math.min(9, width / Math.max(this.#masks.length, 60)));
    const room = Math.floor(width / column);
    const first = Math.max(0, Math.min(this.#masks.length - room, this.#marked < 0 ? Infinity : this.#marked - (room >> 1)));
    const shown = this.#masks.slice(first, first + room);
    for (let layer = 0; layer < this.#layers; layer++) {
      const top = layer * (layerHeight + GAP);
      context.fillStyle = color("cell-off");
      context.fillRect(0, top, width, layerHeight);
      context.fillStyle = color("cell-on");
      for (const [i, mask] of shown.entries()) {
        for (let e = 0; e < this.#experts; e++)
          if (isActive(mask, words, layer, e))
            context.fillRect(sharp(i * column), top + e * row, sharp((i + 1) * column) - sharp(i * column), row);
      }
    }
    if (this.#marked < 0) return;
    context.strokeStyle = color("text");
    context.lineWidth = 1;
    context.strokeRect((this.#marked - first) * column - 0.5, 0.5, column + 1, height - 1);
  }
}
