// A headless Chromium page for the peers that want a browser, served cross-origin isolated from 127.0.0.1.
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { delimiter, extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { CACHE } from "./cache.mjs";
import { PACKAGES } from "./packages.mjs";

const ROOTS = { npm: PACKAGES, models: CACHE, pages: fileURLToPath(new URL("pages/", import.meta.url)) };
const MEDIA = { ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** Answers /npm/.., /models/.. and /pages/.. with files, and / with an empty page. */
function answer(request, response) {
  const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
  if (path === "/favicon.ico") return response.writeHead(204).end();
  if (path === "/") return response.writeHead(200, { ...ISOLATION, "Content-Type": "text/html" }).end("<!doctype html>");
  const [, root, ...rest] = path.split("/");
  const folder = ROOTS[root] && normalize(ROOTS[root] + sep);
  const file = folder && join(folder, rest.join("/"));
  if (!file?.startsWith(folder) || !existsSync(file)) return response.writeHead(404, ISOLATION).end();
  const type = MEDIA[extname(file)] ?? "application/octet-stream";
  response.writeHead(200, { ...ISOLATION, "Content-Type": type, "Content-Length": statSync(file).size });
  createReadStream(file).pipe(response);
}

/** Chromium's path: BLOCKFFN_CHROMIUM, or the first of the usual names on PATH. */
function chromiumPath() {
  const named = process.env.BLOCKFFN_CHROMIUM;
  const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
  const found = names.flatMap((name) => process.env.PATH.split(delimiter).map((folder) => join(folder, name))).find(existsSync);
  if (!named && !found) throw new Error("no Chromium found: install it (Debian: apt-get install chromium) or set BLOCKFFN_CHROMIUM");
  return named ?? found;
}

/**
 * Opens a page with the functions of pages/`module` and resolves to `{ version, call(name, argument), close() }`;
 * `call` runs an exported function there. Only plain data passes either way.
 */
export async function openPage(module) {
  const server = createServer(answer);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({
    executablePath: chromiumPath(),
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) console.error(`[page] ${message.text()}`);
  });
  page.on("pageerror", (error) => console.error(`[page] ${error.stack}`));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  return {
    version: browser.version(),
    call: (name, argument) =>
      page.evaluate(async ([url, name, argument]) => (await import(url))[name](argument), [`/pages/${module}`, name, argument]),
    async close() {
      await browser.close();
      server.close();
      server.closeAllConnections();
    },
  };
}
