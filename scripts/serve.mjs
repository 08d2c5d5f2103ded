// Serves the browser example and what it needs, on this machine only: npm run example:browser [-- --port N]
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const FOLDERS = ["examples/browser", "dist/browser", "models"];
const MEDIA = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css",
  ".js": "text/javascript",
  ".map": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};
/** Cross-origin isolation: without it a page may not share memory between threads. */
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** The file that a path means, if it is one of those that are served. */
function find(path) {
  if (path.includes("\0")) return undefined;
  const file = join(root, path.endsWith("/") ? `${path}index.html` : path);
  if (!FOLDERS.some((folder) => file.startsWith(join(root, folder) + sep))) return undefined;
  const found = statSync(file, { throwIfNoEntry: false });
  return found?.isFile()
    ? { file, size: found.size, etag: `"${found.size.toString(36)}-${Math.round(found.mtimeMs).toString(36)}"` }
    : undefined;
}

/** Answers GET and HEAD with the repository's files as they lie there; ranges as `bytes=N-`. */
export function answer(request, response) {
  let path;
  try {
    path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
  } catch {
    return response.writeHead(400).end();
  }
  if (path === "/") return response.writeHead(302, { Location: "/examples/browser/" }).end();
  if (request.method !== "GET" && request.method !== "HEAD") return response.writeHead(405, { Allow: "GET, HEAD" }).end();
  const found = find(path);
  if (found === undefined) return response.writeHead(404, { ...ISOLATION, "Content-Type": "text/plain" }).end("not found\n");
  const { file, size, etag } = found;
  const start = Number(/^bytes=(\d{1,15})-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (start >= size && start > 0) return response.writeHead(416, { "Content-Range": `bytes */${size}` }).end();
  const headers = {
    ...ISOLATION,
    "Content-Type": MEDIA[extname(file)] ?? "application/octet-stream",
    "Content-Length": size - start,
    "Cache-Control": "no-cache",
    ETag: etag,
    ...(start > 0 && { "Content-Range": `bytes ${start}-${size - 1}/${size}` }),
  };
  if (request.headers["if-none-match"] === etag) return response.writeHead(304, headers).end();
  response.writeHead(start > 0 ? 206 : 200, headers);
  if (request.method === "HEAD") return response.end();
  createReadStream(file, { start })
    .on("error", () => response.destroy())
    .pipe(response);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { port } = parseArgs({ options: { port: { type: "string", default: "8080" } } }).values;
  const server = createServer(answer);
  server.on("error", (error) => {
    console.error(error.code === "EADDRINUSE" ? `port ${port} is taken; choose another one with --port` : error.message);
    process.exit(1);
  });
  server.listen(Number(port), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
}
