/** Label values of one series, in the order of the metric's label names. */
type Labels = readonly string[];

interface Metric {
  lines(): string[];
}

/** Metrics in the text format 0.0.4 of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export class Registry {
  readonly #metrics: Metric[] = [];

  /** Something that only goes up. */
  counter(name: string, help: string, labels: readonly string[] = []): Counter {
    return this.#add(new Counter(name, help, labels));
  }

  /** Something that is read when it is asked for. */
  gauge(name: string, help: string, read: () => number): void {
    this.#add({ lines: () => [...head(name, help, "gauge"), `${name} ${format(read())}`] });
  }

  /** How often values fell below each bound; `bounds` ascend. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    return this.#add(new Histogram(name, help, bounds));
  }

  /** Everything, as text. */
  text(): string {
    return `${this.#metrics.flatMap((metric) => metric.lines()).join("\n")}\n`;
  }

  #add<M extends Metric>(metric: M): M {
    this.#metrics.push(metric);
    return metric;
  }
}

export class Counter implements Metric {
  readonly #name: string;
  readonly #help: string;
  readonly #labels: readonly string[];
  readonly #series = new Map<string, { readonly labels: Labels; value: number }>();

  constructor(name: string, help: string, labels: readonly string[]) {
    this.#name = name;
    this.#help = help;
    this.#labels = labels;
    if (labels.length === 0) this.add(0);
  }

  add(amount: number, ...labels: Labels): void {
    const key = labels.join("\0");
    const series = this.#series.get(key) ?? { labels, value: 0 };
    series.value += amount;
    this.#series.set(key, series);
  }

  lines(): string[] {
    const lines = [...this.#series.values()].map(({ labels, value }) => {
      const pairs = labels.map((label, i) => `${this.#labels[i] as string}="${escape(label)}"`);
      return `${this.#name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${format(value)}`;
    });
    return [...head(this.#name, this.#help, "counter"), ...lines];
  }
}

export class Histogram implements Metric {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  /** Values that were at most a bound and above the one before; the last for those above all. */
  readonly #counts: number[];
  #sum = 0;

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const at = this.#bounds.findIndex((bound) => value <= bound);
    const bucket = at < 0 ? this.#bounds.length : at;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += value;
  }

  lines(): string[] {
    const lines = head(this.#name, this.#help, "histogram");
    let count = 0;
    [...this.#bounds, Infinity].forEach((bound, i) => {
      count += this.#counts[i] as number;
      lines.push(`${this.#name}_bucket{le="${format(bound)}"} ${count}`);
    });
    return [...lines, `${this.#name}_sum ${format(this.#sum)}`, `${this.#name}_count ${count}`];
  }
}

function head(name: string, help: string, type: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function format(value: number): string {
  return value === Infinity ? "+Inf" : String(value);
}

function escape(label: string): string {
  return label.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));
}
