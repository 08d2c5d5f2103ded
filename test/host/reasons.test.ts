import { afterEach, describe, expect, it, vi } from "vitest";
import { threadless } from "../../host/browser/threads.ts";
import { sourceError, writeError } from "../../host/node/files.ts";

afterEach(() => vi.unstubAllGlobals());

describe("why a browser has no threads", () => {
  it("a page that is not isolated is told the headers", () => {
    expect(threadless()).toMatch(/needs a page that is cross-origin isolated: .*Cross-Origin-Opener-Policy: same-origin/);
    // Isolation comes first: a page without it has no SharedArrayBuffer for that reason.
    vi.stubGlobal("SharedArrayBuffer", undefined);
    expect(threadless()).toMatch(/Cross-Origin-Embedder-Policy/);
  });

  it("an isolated page without SharedArrayBuffer is not told to isolate itself", () => {
    vi.stubGlobal("crossOriginIsolated", true);
    vi.stubGlobal("SharedArrayBuffer", undefined);
    expect(threadless()).toMatch(/needs SharedArrayBuffer, which this browser does not have/);
    expect(threadless()).not.toMatch(/header|Cross-Origin-/);
  });

  it("an isolated page's own thread is told of loadModelInWorker", () => {
    vi.stubGlobal("crossOriginIsolated", true);
    expect(threadless()).toMatch(/use loadModelInWorker/);
  });
});

describe("what failed with a file", () => {
  const failed = (code: string): Error => Object.assign(new Error(`${code}: the system's words, open 'x'`), { code });

  it.each([
    ["EROFS", /its file system can only be read; write to another place/],
    ["ENOSPC", /the disk is full/],
    ["EDQUOT", /quota is used up/],
    ["EACCES", /check its permissions/],
  ])("%s in writing says what to do", (code, message) => {
    expect(writeError("x", failed(code)).message).toMatch(message);
    expect(writeError("x", failed(code)).message).not.toMatch(/cannot be read/);
  });

  it("an error without a meaning of its own says what was tried", () => {
    expect(writeError("x", failed("EWHAT")).message).toBe("x: cannot be written: EWHAT: the system's words, open 'x'");
    expect(sourceError("x", failed("EWHAT")).message).toBe("x: cannot be read: EWHAT: the system's words, open 'x'");
  });
});
