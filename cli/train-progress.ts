import type { TrainConfig } from "../train/config/schema.ts";
import type { MetricsLine } from "../train/run/metrics.ts";
import { number, percent } from "./format.ts";
import type { Io } from "./io.ts";

const LINE_MS = 10_000;
const BAR = 24;
/** Speed and loss are means over so many last steps. */
const WINDOW = 20;

/** A training run on stderr: on a terminal one redrawn line with a bar, elsewhere a line every ten seconds. */
export class TrainProgress {
  readonly #io: Io;
  readonly #config: TrainConfig;
  readonly #quiet: boolean;
  readonly #recent: { readonly loss: number; readonly seconds: number }[] = [];
  #next = 0;
  #drawn = false;

  constructor(io: Io, config: TrainConfig, quiet: boolean) {
    this.#io = io;
    this.#config = config;
    this.#quiet = quiet;
  }

  start({
    resumed,
    parameters,
    corpusTokens,
    rowsPerEpoch,
  }: {
    resumed: number;
    parameters: number;
    corpusTokens: number;
    rowsPerEpoch: number;
  }): void {
    if (this.#quiet) return;
    const { batch, schedule } = this.#config;
    const epochs = (schedule.steps * batch.rows) / rowsPerEpoch;
    this.#io.err(
      `${number(parameters)} weights, ${number(corpusTokens)} tokens of ` +
        `text, ${number(schedule.steps)} steps of ${number(batch.rows * batch.length)} tokens (${epochs.toFixed(1)} epochs)\n`,
    );
    if (resumed > 0) this.#io.err(`going on from step ${number(resumed)}\n`);
  }

  update(line: MetricsLine): void {
    if (this.#quiet) return;
    if ("validation" in line) {
      const { perplexity, tls, cls } = line.validation;
      this.#print(`step ${line.step}: validation perplexity ${perplexity.toFixed(3)}${sparsity(tls, cls?.["8"] ?? null)}`);
      return;
    }
    this.#recent.push(line);
    if (this.#recent.length > WINDOW) this.#recent.shift();
    const now = performance.now();
    if (now < this.#next) return;
    const text = this.#describe(line);
    if (this.#io.stderrIsTty) {
      this.#io.err(`\r\u001b[K${text}`);
      this.#drawn = true;
      this.#next = now + 100;
    } else {
      this.#print(text);
      this.#next = now + LINE_MS;
    }
  }

  /** Clears a redrawn line. */
  end(): void {
    if (this.#drawn) this.#io.err("\n");
    this.#drawn = false;
  }

  #print(text: string): void {
    if (this.#drawn) this.#io.err("\r\u001b[K");
    this.#drawn = false;
    this.#io.err(`${text}\n`);
  }

  #describe(line: Exclude<MetricsLine, { validation: unknown }>): string {
    const { batch, schedule } = this.#config;
    const done = line.step / schedule.steps;
    const seconds = mean(this.#recent.map((recent) => recent.seconds));
    const filled = Math.round(done * BAR);
    const bar = this.#io.stderrIsTty ? `${"█".repeat(filled)}${"░".repeat(BAR - filled)} ` : "";
    const speed = (batch.rows * batch.length) / seconds;
    return (
      `${bar}step ${line.step}/${schedule.steps}  loss ${mean(this.#recent.map((recent) => recent.loss)).toFixed(3)}  ` +
      `${number(Math.round(speed))} tokens/s${sparsity(line.tls, line.cls8)}  ETA ${duration((schedule.steps - line.step) * seconds)}`
    );
  }
}

function sparsity(tls: number | null, cls8: number | null): string {
  return `${tls === null ? "" : `  TLS ${percent(tls)}`}${cls8 === null ? "" : `  CLS 8 ${percent(cls8)}`}`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
