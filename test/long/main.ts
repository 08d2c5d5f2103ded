import { parseArgs } from "node:util";
import { table } from "../../bench/measure.ts";
import { holds } from "./check.ts";
import { CHECKS } from "./checks.ts";

const USAGE = `npm run check:long -- [CHECK...] [--count N] [--json]
${CHECKS.map(({ name, about }) => `  ${name}: ${about}`).join("\n")}
`;

/** Runs checks by name, default all, one after the other. @returns the exit code: 0 when all hold, 1 when one does not, 2 for wrong usage */
async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { count: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean" } } });
  const count = values.count === undefined ? undefined : Number(values.count);
  const unknown = positionals.find((name) => !CHECKS.some((check) => check.name === name));
  const wrong = unknown !== undefined ? `there is no check ${unknown}` : count !== undefined && !(Number.isInteger(count) && count > 0) ? `--count ${values.count} is no whole number` : undefined;
  if (wrong !== undefined || values.help === true) {
    process.stderr.write(wrong === undefined ? USAGE : `${wrong}\n${USAGE}`);
    return wrong === undefined ? 0 : 2;
  }
  const report = [];
  for (const check of CHECKS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
    const start = performance.now();
    const findings = await check.run({ count, onProgress: (what) => process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${check.name}: ${what}` : "") });
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
    report.push({ check: check.name, seconds: (performance.now() - start) / 1000, findings: findings.map((finding) => ({ ...finding, ok: holds(finding) })) });
  }
  const rows = report.flatMap(({ check, findings }) => findings.map(({ what, value, limit, ok }) => [check, what, value, limit ?? NaN, ok ? "ok" : "NOT OK"]));
  process.stdout.write(values.json === true ? `${JSON.stringify(report)}\n` : table(["check", "what", "value", "at most", ""], rows));
  return report.every(({ findings }) => findings.every(({ ok }) => ok)) ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
