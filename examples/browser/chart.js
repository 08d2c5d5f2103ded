import { color, Picture } from "./canvas.js";

const HEIGHT = 130;
const LEFT = 42;
const BOTTOM = 6;

/** Sparsity, token by token: of each token alone, and of the last eight together. Shares from 0 to 1. */
export class Chart {
  #picture;
  #token = [];
  #chunk = [];

  constructor(canvas) {
    this.#picture = new Picture(
      canvas,
      () => HEIGHT,
      (...drawing) => this.#draw(...drawing),
    );
  }

  clear() {
    this.#token = [];
    this.#chunk = [];
    this.#picture.redraw();
  }

  /** @param chunk undefined while there are less than eight tokens */
  add(token, chunk) {
    this.#token.push(token);
    this.#chunk.push(chunk);
    this.#picture.redraw();
  }

  #draw(context, width, height) {
    const known = [...this.#token, ...this.#chunk].filter((value) => value !== undefined);
    const low = known.length === 0 ? 0 : Math.max(0, Math.floor((Math.min(...known) - 0.04) * 20) / 20);
    const high = known.length === 0 ? 1 : Math.min(1, Math.ceil((Math.max(...known) + 0.04) * 20) / 20);
    const y = (share) => BOTTOM + ((high - share) / (high - low)) * (height - 2 * BOTTOM);
    const x = (i) => LEFT + (i * (width - LEFT - 4)) / Math.max(this.#token.length - 1, 60);
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    for (const share of [low, (low + high) / 2, high]) {
      context.fillStyle = color("line");
      context.fillRect(LEFT, y(share), width - LEFT, 1);
      context.fillStyle = color("muted");
      context.fillText(`${Math.round(share * 1000) / 10}%`, 0, y(share));
    }
    for (const [values, name] of [
      [this.#token, "cell-on"],
      [this.#chunk, "chunk"],
    ]) {
      context.strokeStyle = color(name);
      context.lineWidth = 1.75;
      context.lineJoin = "round";
      context.beginPath();
      values.forEach((value, i) => value !== undefined && context.lineTo(x(i), y(value)));
      context.stroke();
    }
  }
}
