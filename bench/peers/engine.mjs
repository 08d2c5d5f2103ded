// An engine's child process, seen from the parent: start it, ask it, stop it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cpuSeconds } from "./processes.mjs";

export class Engine {
  #child;
  #lines;
  /** What the child said when it was ready. */
  info;

  /**
   * Starts the engine that `spec` names, "peer" or "peer?option=value&option=value" (options go to the child), and
   * resolves when its model is loaded. `settings`: { shape, type, threads, context }.
   */
  static async start(spec, settings) {
    const [peer, query] = spec.split("?");
    const program = fileURLToPath(new URL(`children/${peer}.mjs`, import.meta.url));
    if (!existsSync(program)) throw new Error(`unknown peer "${peer}"`);
    const options = Object.entries({ ...settings, ...Object.fromEntries(new URLSearchParams(query)) });
    const engine = new Engine();
    engine.spec = spec;
    engine.#child = spawn(process.execPath, [program, ...options.map(([name, value]) => `--${name}=${value}`)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    engine.#child.stdin.on("error", () => {}); // a child that died shows as the end of its answers
    engine.#lines = createInterface({ input: engine.#child.stdout })[Symbol.asyncIterator]();
    engine.info = await engine.#answer();
    return engine;
  }

  async #answer() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.spec}: the child ended`);
    const answer = JSON.parse(value);
    if (answer.error) throw new Error(`${this.spec}: ${answer.error}`);
    return answer;
  }

  /** One request of the protocol (children/protocol.mjs). */
  async ask(request) {
    this.#child.stdin.write(JSON.stringify(request) + "\n");
    return this.#answer();
  }

  /** Processor seconds that the child's processes have used. */
  cpuSeconds() {
    return cpuSeconds(this.#child.pid);
  }

  /** Ends the child: politely, then firmly. */
  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdin.end('{"op":"quit"}\n');
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(timer);
  }
}
