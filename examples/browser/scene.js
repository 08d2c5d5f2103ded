import { Chart } from "./chart.js";
import { Lights } from "./lights.js";
import { Sparsity } from "./sparsity.js";
import { Tape } from "./tape.js";

const $ = (id) => document.getElementById(id);
const percent = (share) => (share === null || share === undefined ? "–" : `${(100 * share).toFixed(1)}%`);
const unit = (text) => Object.assign(document.createElement("small"), { textContent: text });
/** Speed is told anew this often while tokens come. */
const SPEED_MS = 150;

/** All that shows a generation: the text, the numbers and the three pictures. Models without experts have text and speed only. */
export class Scene {
  #shape;
  #views = [];
  #lights;
  #tape;
  #chart;
  #sparsity;
  #steps = [];
  #speed;

  constructor({ layers, ffn }) {
    if (ffn.kind === "experts") {
      this.#shape = { layers, experts: ffn.experts };
      this.#lights = new Lights($("lights"), this.#shape);
      this.#tape = new Tape($("tape"), this.#shape);
      this.#chart = new Chart($("chart"));
      this.#views = [this.#lights, this.#tape, this.#chart];
    } else {
      for (const id of ["lights", "tape", "chart"]) $(id).closest("section").hidden = true;
    }
    $("scrub").addEventListener("input", () => this.#inspect(Number($("scrub").value)));
  }

  start(prompt, dense) {
    this.#steps = [];
    this.#speed = undefined;
    for (const view of this.#views) view.clear();
    if (this.#shape !== undefined) {
      this.#sparsity = new Sparsity(this.#shape);
      this.#lights.dense = dense;
    }
    $("experts").classList.toggle("dense", dense);
    $("text").replaceChildren(Object.assign(document.createElement("span"), { className: "prompt", textContent: prompt }));
    for (const id of ["speed", "used", "tls", "cls"]) $(id).textContent = "–";
    $("scrub").disabled = true;
    $("token").textContent = "–";
  }

  /** One token, as far as its time has come: layers light up from the first to the last. */
  show({ text, experts }, share) {
    if (experts !== undefined) this.#lights.show(experts, Math.ceil(share * this.#shape.layers));
    if (share < 1) return;
    const span = Object.assign(document.createElement("span"), { textContent: text });
    const box = $("text");
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    box.append(span);
    if (atEnd) box.scrollTop = box.scrollHeight;
    this.#steps.push({ span, experts, text });
    if (experts === undefined) return;
    const { active, total, token, chunk, tls, cls } = this.#sparsity.add(experts);
    this.#tape.add(experts);
    this.#chart.add(token, chunk);
    $("used").replaceChildren(String(active), unit(` of ${total}`));
    $("tls").textContent = percent(tls);
    $("cls").textContent = percent(cls);
  }

  /** The speed that was measured: it is known before all is shown. */
  measured({ decodeTokensPerSecond }) {
    $("speed").textContent = decodeTokensPerSecond === 0 ? "–" : Math.round(decodeTokensPerSecond).toLocaleString("en");
  }

  /** The speed so far, from how many pieces came in how many milliseconds. */
  estimate(pieces, ms) {
    const now = performance.now();
    if (pieces < 2 || ms <= 0 || now - (this.#speed ?? 0) < SPEED_MS) return;
    this.#speed = now;
    this.measured({ decodeTokensPerSecond: ((pieces - 1) * 1000) / ms });
  }

  /** All is shown: tokens can be looked at one by one. */
  finish({ tls }) {
    const last = this.#steps.length - 1;
    if (last < 0 || this.#shape === undefined) return;
    Object.assign($("scrub"), { disabled: false, max: last, value: last });
    this.#inspect(last, false);
    const label = `Experts of ${last + 1} tokens; ${percent(tls)} of them are off for a token`;
    for (const id of ["tape", "chart"]) $(id).ariaLabel = label;
  }

  #inspect(index, mark = true) {
    for (const { span } of this.#steps) span.classList.remove("now");
    const { span, experts, text } = this.#steps[index];
    this.#tape.mark(mark ? index : -1);
    if (mark) {
      span.classList.add("now");
      span.scrollIntoView({ block: "nearest" });
      this.#lights.clear();
      this.#lights.show(experts);
    }
    const name = `${index + 1} of ${this.#steps.length}: “${text.trim()}”`;
    $("token").textContent = name;
    $("scrub").ariaValueText = name;
    $("lights").ariaLabel = `Active experts of token ${name}`;
  }
}
