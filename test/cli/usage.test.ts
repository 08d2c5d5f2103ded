import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { bytes, number, percent, table } from "../../cli/format.ts";
import { Progress } from "../../cli/progress.ts";
import { runBlockffn as run } from "../../cli/blockffn.ts";
import { blockffn, fakeIo } from "../helpers/fake-io.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";

const folder = temporaryFolder();
const model = writeTinyModel(join(folder, "."), "block");
const text = join(folder, "text.txt");
writeFileSync(text, "a story");

describe("help", () => {
  it.each(["generate", "logits", "eval", "inspect", "convert"])("of %s has examples", async (command) => {
    const { code, out, err } = await blockffn([command, "--help"]);
    expect(code).toBe(0);
    expect(out).toContain(`Usage: blockffn ${command}`);
    expect(out).toMatch(new RegExp(`Examples:\n  .*blockffn ${command}`));
    expect(err).toBe("");
  });

  it("lists the commands, and the version", async () => {
    expect((await blockffn(["--help"])).out).toMatch(/generate[^]*logits[^]*eval[^]*inspect[^]*convert/);
    expect(await blockffn(["--version"])).toEqual({ code: 0, out: "1.2.3\n", err: "" });
  });
});

describe("wrong usage", () => {
  it.each([
    [[], /Usage: blockffn/],
    [["sing"], /unknown command 'sing'/],
    [["generate", "--loud"], /unknown option '--loud'/],
    [["generate", "Once", "upon"], /too many arguments/],
    [["convert", model, "--out", ""], /^blockffn: --out is empty; give the path of a file/],
    [["convert", model, "--out", "x", "--draft", ""], /^blockffn: --draft is empty; give the path of a folder/],
    [["logits", "--model", model, "--tokens", "1", "--out="], /^blockffn: --out is empty/],
    [["inspect", model, "--heatmap", "", "--text", text], /^blockffn: --heatmap is empty/],
    [["eval", "--model", model, "--text", ""], /^blockffn: --text is empty/],
    [["generate", "x", "--model", model, "--draft-model", ""], /^blockffn: --draft-model is empty/],
    [["generate", "x", "--max-tokens"], /argument missing/],
    [["generate", "x", "--max-tokens", "many"], /whole number/],
    [["generate", "x", "--max-tokens", "0"], /--max-tokens must be a whole number from 1/],
    [["generate", "x", "--max-tokens", "1e3"], /whole number/],
    [["generate", "x", "--temperature", "-1"], /--temperature must be a number from 0/],
    [["generate", "x", "--temperature", "hot"], /must be a number/],
    [["generate", "x", "--top-p", "2"], /--top-p must be a number from 0 to 1/],
    [["generate", "x", "--repetition-penalty", "0"], /--repetition-penalty must be/],
    [["generate", "x", "--ffn", "both"], /Allowed choices are sparse, dense/],
    [["generate", "x", "--tier", "gpu"], /Allowed choices are scalar, simd/],
    [["generate", "x", "--stop", ""], /--stop must be a string that is not empty/],
    [["generate", "--tokens", "1,two"], /token ids separated by commas/],
    [["generate", "--tokens", ""], /token ids separated by commas/],
    [["generate", "--tokens", "1,-2"], /token ids separated by commas/],
    [["generate", "x", "--tokens", "1"], /not both/],
    [["generate"], /no prompt/],
    [["logits", "--tokens", "1"], /--out/],
    [["logits", "--out", "x"], /--tokens/],
    [["eval"], /--text/],
    [["inspect", "--heatmap", "x.svg"], /--heatmap needs --text/],
    [["inspect", "--text", "x.txt"], /--text needs --heatmap/],
    [["convert", "--out", "x"], /missing required argument 'source'/],
    [["convert", "x"], /--out/],
    [["convert", folder, "--out", join(folder, ".")], /itself, which is read/],
    [["convert", "x", "--out", "y", "--quantize", "q2"], /Allowed choices are f32, q8, q4/],
  ] as [string[], RegExp][])("%j exits with 2", async (args, message) => {
    const { code, out, err } = await blockffn(args);
    expect(err).toMatch(message);
    expect(code).toBe(2);
    expect(out).toBe("");
  });

  it("tells what the model does not take", async () => {
    const outside = await blockffn(["generate", "--tokens", "1,9999", "--model", model]);
    expect(outside).toMatchObject({ code: 2, out: "" });
    expect(outside.err).toMatch(/^blockffn: the prompt holds 9999 at place 1; token ids of this model go from 0 to \d+\n$/);
    const last = await blockffn(["logits", "--tokens", "1,2", "--last", "3", "--model", model, "--out", join(folder, "x")]);
    expect(last).toMatchObject({ code: 2, err: "blockffn: --last must be a whole number from 1 to 2, not 3\n" });
    expect((await blockffn(["generate", "--tokens", "1", "--context", "97", "--model", model])).err).toMatch(
      /^blockffn: --context is 97, but .* at most 96 tokens\n$/,
    );
  });

  it("from a pipe without text", async () => {
    expect(await blockffn(["generate"], { stdinIsTty: false, stdin: "\n" })).toMatchObject({ code: 2, out: "" });
  });
});

describe("failures", () => {
  const taken = join(folder, "taken");
  mkdirSync(taken);
  const notText = join(folder, "latin1.txt");
  writeFileSync(notText, Uint8Array.of(0x61, 0xe9, 0x62));
  const notModel = join(folder, "zeros.safetensors");
  writeFileSync(notModel, new Uint8Array(100));
  const empty = join(folder, "empty");
  mkdirSync(empty);

  it.each([
    [["generate", "x"], /^blockffn: \/no\/default\/model: there is no such file or folder; .*\n$/],
    [["generate", "x", "--model", "/no/such"], /^blockffn: \/no\/such: there is no such file or folder; .*\n$/],
    [["inspect", empty], /^blockffn: config\.json: .*\n$/],
    [["inspect", notModel], /^blockffn: .*zeros\.safetensors: .*\n$/],
    [["eval", "--text", "/no/such.txt"], /^blockffn: \/no\/such\.txt: there is no such file; check the path\n$/],
    [["eval", "--text", folder], /^blockffn: .* is a folder; a file is needed here\n$/],
    [["eval", "--text", notText], /^blockffn: .*latin1\.txt: is not UTF-8 text\n$/],
    [["convert", model, "--out", "/no/such/folder/x"], /^blockffn: .*: there is no folder \/no\/such\/folder; create it first\n$/],
    [["convert", model, "--out", taken], /^blockffn: .*taken: exists and is not a file; give another name\n$/],
    [["convert", notModel, "--out", join(folder, "x")], /^blockffn: .*zeros\.safetensors: .*\n$/],
    [["logits", "--model", model, "--tokens", "1", "--out", taken], /^blockffn: .*taken: exists and is not a file; give another name\n$/],
  ] as [string[], RegExp][])("%j exits with 1 and one line", async (args, line) => {
    const { code, out, err } = await blockffn(args);
    expect(err).toMatch(line);
    expect(code).toBe(1);
    expect(out).toBe("");
  });

  it("shows the stack when asked to", async () => {
    const { err } = await blockffn(["inspect", "/no/such"], { env: { BLOCKFFN_DEBUG: "1" } });
    expect(err).toMatch(/\n {4}at /);
  });

  it("calls a bug a bug", async () => {
    const host = { ...fakeIo().host, open: () => Promise.reject(new TypeError("x is undefined\nat y")) };
    const { code, err } = await blockffn(["inspect", "x"], { host });
    expect(code).toBe(1);
    expect(err).toBe("blockffn: TypeError: x is undefined at y (not expected; set BLOCKFFN_DEBUG=1 for the stack and please report it)\n");
  });
});

describe("interrupts", () => {
  it("end with 130, and the handler is taken back", async () => {
    const io = fakeIo({
      host: {
        ...fakeIo().host,
        open: async (location) => {
          io.interrupt();
          return fakeIo().host.open(location);
        },
      },
    });
    expect(await run(["eval", "--text", text, "--model", model], io)).toBe(130);
    expect(io.stdout).toBe("");
    expect(io.listeners).toBe(0);
  });
});

describe("formatting", () => {
  it("shortens numbers", () => {
    expect([bytes(5), bytes(2048), bytes(10.5 * 2 ** 20), bytes(3 * 2 ** 40)]).toEqual(["5 B", "2.00 KiB", "10.5 MiB", "3072.0 GiB"]);
    expect([number(0.25), number(12), number(999.96), number(1234.5), number(9015936)]).toEqual([
      "0.3",
      "12",
      "1000.0",
      "1,235",
      "9,015,936",
    ]);
    expect(percent(0.74984)).toBe("74.98 %");
    expect(
      table([
        ["a", "1"],
        ["bcd", "22"],
      ]),
    ).toBe("a     1\nbcd  22\n");
  });
});

describe("Progress", () => {
  /** Reports every 50 ms for `ms`, on a clock of our own. */
  function work(ms: number, tty: boolean): string {
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    const io = fakeIo({ stderrIsTty: tty });
    const progress = new Progress(io, "working");
    for (let now = 0; now <= ms; now += 50) {
      clock.mockReturnValue(now);
      progress.update(now, ms);
    }
    progress.end();
    clock.mockRestore();
    return io.stderr;
  }

  it("is quiet for work of less than a second", () => {
    expect(work(950, true)).toBe("");
    expect(work(950, false)).toBe("");
  });

  it("redraws one line on a terminal, and clears it", () => {
    const lines = work(2000, true).split("\r\u001b[K");
    expect(lines.slice(0, 3)).toEqual(["", "working: 50 %", "working: 55 %"]);
    expect(lines.slice(-2)).toEqual(["working: 100 %", ""]);
  });

  it("prints a plain line after a second and then every ten elsewhere", () => {
    expect(work(20_000, false)).toBe("working: 5 %\nworking: 55 %\n");
  });
});
