/** A canvas whose size follows the page, sharp on every screen: `draw(context, width, height)` works in CSS pixels. */
export class Picture {
  #canvas;
  #context;
  #height;
  #draw;
  #asked = 0;

  /** @param height CSS pixels for a width */
  constructor(canvas, height, draw) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#height = height;
    this.#draw = draw;
    new ResizeObserver(() => this.redraw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  /** Draws with the next frame. */
  redraw() {
    this.#asked ||= requestAnimationFrame(() => {
      this.#asked = 0;
      const scale = devicePixelRatio;
      const width = this.#canvas.clientWidth;
      const height = Math.round(this.#height(width));
      const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
      if (this.#canvas.width !== w || this.#canvas.height !== h) {
        this.#canvas.style.height = `${height}px`;
        this.#canvas.width = w;
        this.#canvas.height = h;
      }
      this.#context.setTransform(scale, 0, 0, scale, 0, 0);
      this.#context.clearRect(0, 0, width, height);
      this.#draw(this.#context, width, height);
    });
  }
}

/** A colour of the style sheet, as the reader's theme has it. */
export const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Is expert `e` of a layer in a mask `[layers][words]`? */
export const isActive = (mask, words, layer, e) => ((mask[layer * words + (e >> 5)] >>> (e & 31)) & 1) === 1;
