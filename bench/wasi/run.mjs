// Speed of the WASI command on its runtimes beside the Node host: alternating runs in fresh processes, medians.
// node bench/wasi/run.mjs [--rounds N] [--tokens N]; runtimes from test/runtime/wasi/install.sh.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const number = (name, fallback) => (process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : fallback);
const rounds = number("--rounds", 7);
const tokens = number("--tokens", 256);
const models = join(root, "models");
const command = join(root, "dist/wasi/blockffn.wasi.wasm");
const installed = join(root, "test/runtime/wasi/installed");
const RUN_WASI =
  `import("${join(root, "dist/lib/wasi.js")}").then((m) => m.runWasi(process.argv.slice(1))).then((code) => ` + `process.exit(code))`;

/** A prompt of 100 tokens or so, so that prefill can be timed too. */
const PROMPT = "Once upon a time there was a little girl who lived in a small house near the forest with her mom and her dad. ".repeat(4);
const OPTIONS = ["--max-tokens", String(tokens), "--ignore-eos", "--speculate", "off", "--json"];
const WASI_OPTIONS = ["--model", "blockffn-nano.q8.safetensors", "--prompt", PROMPT, ...OPTIONS];
const hosts = [
  { name: "Node host, simd", argv: [process.execPath, join(root, "dist/lib/cli.js"), "generate", PROMPT, "--tier", "simd", ...OPTIONS] },
  { name: "node:wasi", argv: [process.execPath, "--no-warnings", "-e", RUN_WASI, "--", ...WASI_OPTIONS] },
  { name: "wasmtime", argv: [join(installed, "wasmtime"), "run", "--dir", ".", command, "--", ...WASI_OPTIONS] },
  { name: "wazero", argv: [join(installed, "wazero"), "run", "-mount", `${models}:/`, command, "--", ...WASI_OPTIONS] },
].filter(({ name, argv }) => existsSync(argv[0]) || console.log(`not measured: ${name} is not installed`));

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const results = new Map(hosts.map(({ name }) => [name, { decode: [], prefill: [], wall: [], ids: "" }]));
for (let round = 0; round <= rounds; round++) {
  for (const { name, argv } of hosts) {
    const start = performance.now();
    const { stdout, stderr, status } = spawnSync(argv[0], argv.slice(1), { cwd: models, encoding: "utf8" });
    const wall = performance.now() - start;
    if (status !== 0) throw new Error(`${name}: ${stderr}`);
    const found = JSON.parse(stdout);
    const result = results.get(name);
    result.ids = found.tokens.join();
    // The first round fills caches, also wasmtime's and wazero's.
    if (round === 0) continue;
    result.decode.push(found.decodeTokensPerSecond);
    result.prefill.push(found.prefillTokensPerSecond);
    result.wall.push(wall);
  }
}
const first = results.get("Node host, simd");
console.log(`| host | decode tokens/s | against Node | prefill tokens/s | whole process, ms |\n|---|---|---|---|---|`);
for (const [name, { decode, prefill, wall, ids }] of results) {
  if (ids !== first.ids) throw new Error(`${name} gives other tokens`);
  console.log(
    `| ${name} | ${median(decode).toFixed(0)} | ${(median(decode) / median(first.decode)).toFixed(2)} | ` +
      `${median(prefill).toFixed(0)} | ${median(wall).toFixed(0)} |`,
  );
}
