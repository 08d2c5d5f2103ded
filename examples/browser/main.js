import { loadModelInWorker } from "../../dist/browser/blockffn.js";
import { Player } from "./player.js";
import { Runs } from "./runs.js";
import { Scene } from "./scene.js";

const MODEL = new URLSearchParams(location.search).get("model") ?? "../../models/blockffn-nano.q8.safetensors";
const IDEAS = [
  "Tom had a red car. He liked to",
  "One day, a small bird found a shiny stone.",
  "The old king sat by the fire and said,",
  "It was raining, and the frog",
];
/** Threads to choose from, where the page may share memory with workers (scripts/serve.mjs sends the headers for that). */
const THREADS = [1, 2, 4].filter((n) => crossOriginIsolated && n <= navigator.hardwareConcurrency);

/** Longest warm-up, for each way to compute experts. */
const WARM_UP_MS = 400;

const $ = (id) => document.getElementById(id);
const chosen = (name) => document.querySelector(`input[name=${name}]:checked`).value;
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

let model;
let scene;
let controller;
const runs = new Runs($("runs-list"), $("runs-hint"));
const player = new Player((piece, share) => scene.show(piece, share));

function showError(title, error, retry) {
  $("error-title").textContent = title;
  $("error-text").textContent = error instanceof Error ? error.message : String(error);
  $("retry").hidden = retry === undefined;
  $("retry").onclick = retry;
  $("error").hidden = false;
}

/** @param threads undefined for what the library thinks best */
async function load(threads) {
  $("go").disabled = true;
  $("threads").disabled = true;
  $("error").hidden = true;
  model?.dispose();
  $("loading").hidden = false;
  $("progress").removeAttribute("value");
  $("progress-text").textContent = "Starting …";
  try {
    model = await loadModelInWorker(MODEL, {
      ...(threads !== undefined && { threads }),
      onProgress(done, total) {
        $("progress").max = total;
        $("progress").value = done;
        $("progress-text").textContent = `${megabytes(done)} of ${megabytes(total)} MB`;
      },
    });
  } catch (error) {
    model = undefined;
    $("threads").disabled = false;
    showError("The model could not be loaded", error, () => load(threads));
    return;
  } finally {
    $("loading").hidden = true;
  }
  const { ffn, layers } = model.config;
  const experts =
    ffn.kind === "experts" ? `${layers} layers of ${ffn.experts} experts` : `${layers} layers, dense: it has no experts to watch`;
  const { quantization, tier, hasDraftHead } = model.info;
  $("model").textContent =
    `${experts}, ${quantization} weights, ` +
    `WebAssembly ${tier}, ${model.threads === 1 ? "1 thread" : `${model.threads} threads`}: runs in this page.`;
  $("eagle").hidden = !hasDraftHead;
  for (const input of document.querySelectorAll("input[name=threads]")) input.checked = Number(input.value) === model.threads;
  scene ??= new Scene(model.config);
  await warmUp();
  $("go").disabled = false;
  $("threads").disabled = false;
}

/** Browsers compile what runs often once more, and better: the first run must not look slow beside later ones. */
async function warmUp() {
  for (const mode of ["dense", "sparse"]) {
    model.ffn = mode;
    await model.generate([1, 2, 3], { maxTokens: 200, ignoreEos: true, signal: AbortSignal.timeout(WARM_UP_MS) }).result();
  }
}

async function generate() {
  const settings = { ffn: chosen("ffn"), speculate: chosen("speculate"), threads: model.threads };
  controller = new AbortController();
  $("error").hidden = true;
  $("go").textContent = "Stop";
  $("threads").disabled = true;
  $("status").textContent = "";
  $("story").ariaBusy = "true";
  scene.start($("prompt").value, settings.ffn === "dense");
  player.pace = Number(chosen("pace"));
  const shown = player.start();
  // Where the page is one column, the lights are below the form.
  if ($("experts").getBoundingClientRect().top > innerHeight - 100)
    $("story").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  try {
    model.ffn = settings.ffn;
    const generation = model.generate($("prompt").value, {
      maxTokens: Number($("length").value),
      speculate: settings.speculate,
      experts: true,
      signal: controller.signal,
    });
    let first;
    let pieces = 0;
    for await (const piece of generation) {
      player.push(piece);
      first ??= performance.now();
      scene.estimate(++pieces, performance.now() - first);
    }
    const result = await generation.result();
    player.end();
    // Measured now, while the eye still reads.
    scene.measured(result);
    await shown;
    scene.finish(result);
    if (result.tokens.length > 1) runs.add(settings, result);
    $("status").textContent = summary(result);
  } catch (error) {
    player.stop();
    showError("That did not work", error);
  } finally {
    $("go").textContent = "Generate";
    $("threads").disabled = false;
    $("story").ariaBusy = "false";
    controller = undefined;
  }
}

function summary({ tokens, promptTokens, finishReason, decodeTokensPerSecond, acceptLength, expertsPerChunk }) {
  const ends = { length: "", eos: " The story is at its end.", aborted: " Stopped.", context: " The context is full.", stop: "" };
  const speculation =
    acceptLength === null
      ? ""
      : ` Each step confirmed ${acceptLength.toFixed(2)} tokens` +
        `${expertsPerChunk === null ? "" : ` with ${expertsPerChunk.toFixed(1)} experts a layer`}.`;
  return (
    `${tokens.length} tokens after a prompt ` +
    `of ${promptTokens}, ${Math.round(decodeTokensPerSecond).toLocaleString("en")} a second.${speculation}${ends[finishReason]}`
  );
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (controller === undefined) return void generate();
  controller.abort();
  player.stop();
});
$("prompt").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (controller === undefined && !$("go").disabled) $("form").requestSubmit();
});
for (const input of document.querySelectorAll("input[name=pace]"))
  input.addEventListener("change", () => (player.pace = Number(input.value)));
for (const idea of IDEAS) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: idea });
  button.addEventListener("click", () => {
    $("prompt").value = idea;
    $("prompt").focus();
  });
  $("ideas").append(button);
}
$("threads").hidden = THREADS.length < 2;
for (const threads of THREADS) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "threads", value: threads });
  label.append(input, Object.assign(document.createElement("span"), { textContent: threads }));
  input.addEventListener("change", () => void load(threads));
  $("threads").querySelector(".segments").append(label);
}
await load();
