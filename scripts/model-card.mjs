// Writes a model package's README.md, its card, from card.md and scores.json: node scripts/model-card.mjs models/chat [--check]
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** A card's text. @param folder of the package */
export function modelCard(folder) {
  const read = (name) => readFileSync(join(folder, name), "utf8");
  const { name } = JSON.parse(read("package.json"));
  const scores = JSON.parse(read("scores.json"));
  const fields = { name, scores: scoreTable(scores), note: scores.note, verdict: verdict(scores.bar) };
  const text = read("card.md").replace(/\{\{(\w+)\}\}/g, (_, field) => {
    if (typeof fields[field] !== "string") throw new Error(`${folder}/card.md: there is no {{${field}}}`);
    return fields[field];
  });
  return `<!-- Written by scripts/model-card.mjs from card.md and scores.json. -->\n${text}`;
}

function scoreTable({ student, teacher, scores }) {
  const rows = scores.map((score) => [score.measure, score.on, show(score.student, score), show(score.teacher, score)]);
  return [["", "measured on", student, teacher], ["---", "---", "---", "---"], ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function show(value, { unit }) {
  if (value === undefined || value === null) return "";
  return unit === "share" ? `${(100 * value).toFixed(1)} %` : String(value);
}

/** A model is experimental until every line of its bar was measured and passed. */
function verdict({ perplexity, instructions, loops }) {
  const failed = [
    [perplexity, ({ student, teacher, most }) => student / teacher <= most, "perplexity"],
    [instructions, ({ student, least }) => student >= least, "instructions followed"],
    [loops, ({ student, most }) => student <= most, "loops"],
  ].flatMap(([line, passes, name]) => {
    if (line.student === null) return [`${name}: not measured yet`];
    return passes(line) ? [] : [`${name}: below the bar`];
  });
  return failed.length === 0
    ? "It passes the bar that blockffn sets for its chat model."
    : `**Experimental**: it has not passed all of the bar that blockffn sets for its chat model (${failed.join("; ")}).`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [folder, flag] = process.argv.slice(2);
  if (folder === undefined) throw new Error("usage: node scripts/model-card.mjs FOLDER [--check]");
  const file = join(folder, "README.md");
  const card = modelCard(folder);
  if (flag === "--check" && readFileSync(file, "utf8") !== card)
    throw new Error(`${file} is not what card.md and scores.json give: write it anew`);
  if (flag === undefined) writeFileSync(file, card);
}
