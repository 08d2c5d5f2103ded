import type { LoadResult, ReadAndLoad } from "./load.ts";
import type { BenchReport } from "./main.ts";
import { table } from "./measure.ts";
import { speculateRows } from "./speculate.ts";

/** The report as text tables. */
export function formatReport(report: BenchReport): string {
  const { machine } = report;
  const out = [`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; medians of alternating runs\n`];
  if (report.kernels !== undefined) {
    out.push(
      table(
        ["kernel", "size", "tier", "us", "GB/s", "Gop/s", "x scalar"],
        report.kernels.map((k) => [k.kernel, k.size, k.tier, k.microseconds, k.gigabytesPerSecond, k.gigaopsPerSecond, k.speedup]),
      ),
    );
  }
  if (report.decode !== undefined) {
    out.push(
      table(
        ["model", "weights", "tier", "threads", "ffn", "MB", "decode tok/s", "prefill tok/s"],
        report.decode.map((d) => [
          d.model,
          d.quantization,
          d.tier,
          d.threads,
          d.ffn,
          d.weightBytes / 1e6,
          d.decodeTokensPerSecond,
          d.prefillTokensPerSecond,
        ]),
      ),
    );
  }
  if (report.ffn !== undefined && report.ffn.length > 0) {
    out.push(
      table(
        ["model", "weights", "dense us/token", "sparse us/token", "ratio", "1 - TLS", "ratio / bound"],
        report.ffn.map((f) => [f.model, f.quantization, f.denseMicroseconds, f.sparseMicroseconds, f.ratio, f.bound, f.overBound]),
      ),
    );
  }
  if (report.speculate !== undefined) {
    const { head, rows } = speculateRows(report.speculate);
    out.push(table(head, rows));
  }
  if (report.load !== undefined) {
    out.push(loadTables(report.load));
  }
  if (report.neighbour !== undefined) {
    out.push(
      table(
        ["model", "weights", "threads", "busy neighbours", "decode tok/s", "over 1 thread"],
        report.neighbour.map((r) => [r.model, r.quantization, r.threads, r.busyNeighbours, r.decodeTokensPerSecond, r.overOneThread]),
      ),
    );
  }
  if (report.server !== undefined) {
    out.push(
      table(
        ["server", "at once", "requests/s", "tok/s in all", "first token ms, p50", "p99"],
        report.server.results.map((r) => [
          r.how,
          r.atOnce,
          r.requestsPerSecond,
          r.tokensPerSecond,
          r.firstToken?.p50 ?? "-",
          r.firstToken?.p99 ?? "-",
        ]),
      ),
    );
    out.push(
      `the server runs ${report.server.concurrency} requests at once; first ` +
        `answer ${report.server.firstAnswerMs.toFixed(0)} ms after the process starts\n`,
    );
  }
  return out.join("\n");
}

function loadTables(results: readonly LoadResult[]): string {
  const ratio = ({ readMs, loadMs }: ReadAndLoad): number[] => [readMs, loadMs, loadMs / readMs];
  const ways = results.flatMap((l) =>
    (["repeated", "fresh", "first"] as const).map((way) => [l.model, l.fileBytes / 1e6, way, ...ratio(l[way])]),
  );
  const memory = results.map((l) => [
    l.model,
    l.tokenizerMs ?? "-",
    l.peakRssBytes / 1e6,
    l.cacheBytes / 1e6,
    (l.peakRssBytes - l.fileBytes - l.cacheBytes) / 1e6,
  ]);
  return [
    table(["model", "file MB", "runs", "read ms", "load ms", "load / read"], ways),
    table(
      ["model", "importing blockffn/node ms", "import + first load ms", "over first read"],
      results.map(({ model, first }) => [
        model,
        first.importMs,
        first.importMs + first.loadMs,
        (first.importMs + first.loadMs) / first.readMs,
      ]),
    ),
    table(["model", "tokenizer ms", "peak RSS MB", "KV cache MB", "RSS - file - KV"], memory),
  ].join("\n");
}
