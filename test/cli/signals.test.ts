import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runBlockffn as run } from "../../cli/blockffn.ts";
import { fakeIo } from "../helpers/fake-io.ts";
import { root } from "../helpers/test-host.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";
import { tinyStories, writeTraining } from "../helpers/train-run.ts";

const main = join(root, "dist/lib/cli.js");
const built = existsSync(main);
if (!built) console.log("skipped: signals to the built command line (run npm run build)");
const folder = temporaryFolder();
const model = writeTinyModel(folder);
const text = join(folder, "text.txt");
writeFileSync(text, tinyStories());

describe("being told to end (SIGTERM)", () => {
  it.each([
    ["generate", ["generate", "tom", "-m", model, "-n", "90"]],
    ["eval", ["eval", "--text", text, "-m", model]],
    ["convert", ["convert", model, "--out", join(folder, "packed")]],
    ["logits", ["logits", "-m", model, "--tokens", "1,2", "--out", join(folder, "logits")]],
    ["inspect", ["inspect", model, "--heatmap", join(folder, "x.svg"), "--text", text, "--max-tokens", "9"]],
    ["train tokenizer", ["train", "tokenizer", "--text", text, "--vocab", "300", "--out", join(folder, "tokenizer")]],
  ] as [string, string[]][])("is %s's end with 143, and nothing half written stays", async (_, args) => {
    const io = fakeIo();
    const before = readdirSync(folder).sort();
    const code = run(args, io);
    io.terminate();
    expect(await code).toBe(143);
    expect(readdirSync(folder).sort()).toEqual(before);
    expect(io.stderr).not.toMatch(/not expected/);
  });

  it("counts the first of two signals", async () => {
    const io = fakeIo();
    const code = run(["eval", "--text", text, "--model", model], io);
    io.interrupt();
    io.terminate();
    expect(await code).toBe(130);
  });
});

describe.skipIf(!built)("processes that are told to end", () => {
  const ends: (() => void)[] = [];
  afterAll(() => ends.forEach((end) => end()));

  function start(...args: string[]): {
    readonly pid: number | undefined;
    readonly kill: (signal: NodeJS.Signals) => void;
    readonly code: Promise<number | null>;
    readonly err: () => string;
  } {
    const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    let err = "";
    child.stderr.on("data", (data: Buffer) => (err += data.toString()));
    ends.push(() => child.kill("SIGKILL"));
    return {
      pid: child.pid,
      kill: (signal) => child.kill(signal),
      code: new Promise((resolve) => child.once("exit", resolve)),
      err: () => err,
    };
  }
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  const count = (path: string): number => (existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0);

  const holder = (run: string): number | undefined => {
    const path = join(run, "train.lock");
    return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8") || "{}") as { pid?: number }).pid : undefined;
  };

  it("training writes a checkpoint and gives the folder back, and goes on; a second run beside it is refused", async () => {
    const config = writeTraining(join(folder, "training"), { checkpointEvery: 1_000_000, schedule: { steps: 100_000 } });
    const run = join(folder, "training/run");
    const first = start("train", "--config", config, "--json");
    await until(() => count(join(run, "metrics.jsonl")) > 2);
    const second = spawnSync(process.execPath, [main, "train", "--config", config, "--json"], { encoding: "utf8" });
    expect(second).toMatchObject({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(/train\.lock: another run trains in this folder \(process \d+ on /) as string,
    });
    first.kill("SIGTERM");
    expect(await first.code).toBe(143);
    expect(readdirSync(run).sort()).toEqual(["checkpoint.safetensors", "curves.svg", "metrics.jsonl", "model"]);
    const steps = count(join(run, "metrics.jsonl"));
    const again = start("train", "--config", config);
    await until(() => count(join(run, "metrics.jsonl")) > steps);
    again.kill("SIGTERM");
    expect(await again.code).toBe(143);
    expect(again.err()).toMatch(/going on from step/);
  });

  it("a killed run's folder is taken over", async () => {
    const config = writeTraining(join(folder, "killed"), { checkpointEvery: 1_000_000, schedule: { steps: 100_000 } });
    const run = join(folder, "killed/run");
    for (let runs = 0; runs < 2; runs++) {
      const child = start("train", "--config", config, "--json");
      const lines = count(join(run, "metrics.jsonl"));
      await until(() => holder(run) === child.pid && count(join(run, "metrics.jsonl")) !== lines);
      child.kill(runs === 0 ? "SIGKILL" : "SIGTERM");
      expect(await child.code).toBe(runs === 0 ? null : 143);
    }
    expect(existsSync(join(run, "train.lock"))).toBe(false);
  });

  it("the tokenizer's trainer ends at once, at a text that takes long", async () => {
    const long = join(folder, "long.txt");
    // One document of words that are all different, so that merging goes on for long.
    writeFileSync(
      long,
      Array.from({ length: 1_000_000 }, (_, i) => ((i * 2_654_435_761) % 4_294_967_296).toString(36).replace(/\d/g, "q")).join(" "),
    );
    const child = start("train", "tokenizer", "--text", long, "--vocab", "60000", "--out", join(folder, "long.json"));
    await until(() => child.err().includes("merging"));
    child.kill("SIGTERM");
    expect(await child.code).toBe(143);
    expect(existsSync(join(folder, "long.json"))).toBe(false);
  });

  it.each(["SIGINT", "SIGTERM"] as const)("what is asked twice by %s ends at once, and takes along what it was writing", async (signal) => {
    const out = join(folder, signal);
    mkdirSync(out);
    // A command that waits for its prompt, in a process that writes a file meanwhile.
    const script = `
      process.argv = [process.execPath, "cli.js", "generate"];
      void import(${JSON.stringify(main)});
      while (process.listenerCount("SIGTERM") === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      const { OutputFile } = await import(${JSON.stringify(join(root, "dist/host/node/output.js"))});
      const file = await OutputFile.create(${JSON.stringify(join(out, "file"))});
      await file.write(new Uint8Array(100));`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "ignore", "ignore"] });
    ends.push(() => child.kill("SIGKILL"));
    const code = new Promise((resolve) => child.once("exit", resolve));
    await until(() => readdirSync(out).some((name) => name.endsWith(".tmp")));
    // Signals of one kind that come too close together count as one.
    const again = setInterval(() => child.kill(signal), 50);
    expect(await code).toBe(signal === "SIGINT" ? 130 : 143);
    clearInterval(again);
    expect(readdirSync(out)).toEqual([]);
  });
});

describe.skipIf(!built || !existsSync("/dev/full"))("a standard output that takes nothing", () => {
  it.each([
    [["generate", "tom", "-m", model, "-n", "4"]],
    [["generate", "tom", "-m", model, "-n", "4", "--json"]],
    [["inspect", model]],
    [["--help"]],
    [["generate", "--help"]],
    [["--version"]],
  ])("%j fails, and says why", (args) => {
    const { status, stderr } = spawnSync("bash", ["-c", `exec "$0" "$@" > /dev/full`, process.execPath, main, ...args], {
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/^blockffn: standard output: the disk is full; .*\n$/m) as string,
    });
  });

  it("a standard error that takes nothing is no failure", () => {
    const { status, stdout } = spawnSync(
      "bash",
      ["-c", `exec "$0" "$@" 2> /dev/full`, process.execPath, main, "generate", "tom", "-m", model, "-n", "4"],
      { encoding: "utf8" },
    );
    expect(status).toBe(0);
    expect(stdout).not.toBe("");
  });
});
