import { parseArgs } from "node:util";
import { table } from "../../bench/measure.ts";
import { holds, type LongCheck } from "./check.ts";
import { CHECKS } from "./checks.ts";

const USAGE = `npm run check:long -- [CHECK...] [--count N] [--json]
${CHECKS.map(({ name, about }) => `  ${name}: ${about}`).join("\n")}
`;
const OPTIONS = { count: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean" } } as const;

/** What is wrong with the arguments; undefined for nothing. */
function wrongUsage(names: readonly string[], count: string | undefined): string | undefined {
  const unknown = names.find((name) => !CHECKS.some((check) => check.name === name));
  if (unknown !== undefined) return `there is no check ${unknown}`;
  return count === undefined || /^[1-9]\d{0,8}$/.test(count) ? undefined : `--count ${count} is no whole number above 0`;
}

async function report({ name, run }: LongCheck, count: number | undefined) {
  const tell = (text: string): void => void (process.stderr.isTTY && process.stderr.write(`\r\u001b[K${text}`));
  const start = performance.now();
  const findings = await run({ count, onProgress: (what) => tell(`${name}: ${what}`) });
  tell("");
  return {
    check: name,
    seconds: (performance.now() - start) / 1000,
    findings: findings.map((finding) => ({ ...finding, ok: holds(finding) })),
  };
}

/** Runs checks by name, default all, one after the other. @returns the exit code: 0 when all hold, 1 when one does not, 2 for wrong usage */
async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  const wrong = wrongUsage(positionals, values.count);
  if (wrong !== undefined || values.help === true) {
    process.stderr.write(wrong === undefined ? USAGE : `${wrong}\n${USAGE}`);
    return wrong === undefined ? 0 : 2;
  }
  const count = values.count === undefined ? undefined : Number(values.count);
  const reports = [];
  for (const check of CHECKS) if (positionals.length === 0 || positionals.includes(check.name)) reports.push(await report(check, count));
  const findings = reports.flatMap(({ check, findings }) => findings.map((finding) => ({ check, ...finding })));
  const rows = findings.map(({ check, what, value, limit, ok }) => [check, what, value, limit ?? NaN, ok ? "ok" : "NOT OK"]);
  process.stdout.write(values.json === true ? `${JSON.stringify(reports)}\n` : table(["check", "what", "value", "at most", ""], rows));
  return findings.every(({ ok }) => ok) ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
