const FFN = { sparse: "Sparse", dense: "Dense" };
const SPECULATE = { off: "", ngram: " + look-up", eagle: " + draft head", auto: " + auto" };

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Speeds of the settings that were tried, the median of each's runs, as bars. */
export class Runs {
  #list;
  #hint;
  /** All speeds of each setting. */
  #runs = new Map();

  constructor(list, hint) {
    this.#list = list;
    this.#hint = hint;
  }

  add({ ffn, speculate, threads }, { decodeTokensPerSecond }) {
    const name = FFN[ffn] + SPECULATE[speculate] + (threads === 1 ? "" : `, ${threads} threads`);
    this.#runs.set(name, [...(this.#runs.get(name) ?? []), decodeTokensPerSecond]);
    const speeds = new Map([...this.#runs].map(([label, all]) => [label, median(all)]));
    const sorted = [...speeds].sort(([, a], [, b]) => b - a);
    const [, best] = sorted[0];
    this.#list.replaceChildren(
      ...sorted.map(([label, speed]) => {
        const item = document.createElement("li");
        item.classList.toggle("dense", label.startsWith("Dense"));
        const text = Object.assign(document.createElement("div"), { className: "name" });
        text.append(
          Object.assign(document.createElement("span"), { textContent: label }),
          Object.assign(document.createElement("span"), { textContent: `${Math.round(speed).toLocaleString("en")} tokens/s` }),
        );
        const bar = Object.assign(document.createElement("div"), { className: "bar" });
        bar.style.width = `${(100 * speed) / best}%`;
        item.append(text, bar);
        return item;
      }),
    );
    const [sparse, dense] = [speeds.get("Sparse"), speeds.get("Dense")];
    if (sparse !== undefined && dense !== undefined)
      this.#hint.textContent = `Skipping what is off made it ${(sparse / dense).toFixed(1)} times as fast here. The text is the same.`;
  }
}
