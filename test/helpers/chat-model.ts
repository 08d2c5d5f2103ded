import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { nodeHost } from "../../host/node/engine.ts";
import { convertModel } from "../../src/load/convert.ts";
import { sharedPath } from "./shared.ts";
import { root } from "./test-host.ts";

/** Below ../shared: the chat model's checkpoint. */
export const CHAT_CHECKPOINT = "checkpoints/blockffn-chat";
const PREFIX = "blockffn-test-chat-";

/**
 * The chat model, packed with its draft head from ../shared/checkpoints/blockffn-chat: a file below the system's temporary folder
 * that is made once for a checkpoint and the sources that pack it.
 */
export async function chatModelFile(quantization: Quantization = "q4-all"): Promise<string> {
  const prefix = `${PREFIX}${quantization}-`;
  const path = join(tmpdir(), `${prefix}${key()}.safetensors`);
  if (existsSync(path)) return path;
  const folder = mkdtempSync(join(tmpdir(), PREFIX));
  try {
    execFileSync(process.execPath, [sharedPath(`${CHAT_CHECKPOINT}/expand.mjs`), folder], { stdio: "ignore" });
    const whole = join(folder, "packed");
    const file = openSync(whole, "w");
    const draft = { files: await nodeHost.open(sharedPath(`${CHAT_CHECKPOINT}/eagle`)) };
    await convertModel(await nodeHost.open(folder), quantization, (bytes) => void writeSync(file, bytes), undefined, draft);
    closeSync(file);
    // Those of other sources are of no use any more.
    for (const name of readdirSync(tmpdir()))
      if (name.startsWith(prefix) && name.endsWith(".safetensors")) rmSync(join(tmpdir(), name), { force: true });
    renameSync(whole, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return path;
}

function key(): string {
  const hash = createHash("sha256");
  const { size, mtimeMs } = statSync(sharedPath(`${CHAT_CHECKPOINT}/weights.q4`));
  hash.update(`${size} ${mtimeMs}`);
  for (const folder of ["core", "src/architecture", "src/format", "src/load", "src/text"]) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).sort())
      if (name.endsWith(".ts")) hash.update(readFileSync(join(root, folder, name)));
  }
  return hash.digest("hex").slice(0, 16);
}
