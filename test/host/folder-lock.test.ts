import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LOCK, lockFolder } from "../../host/node/train/folder-lock.ts";
import { SourceError, TrainingError } from "../../src/errors.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";

describe("the lock of a run's folder", () => {
  it("is held once, also through a link to the folder, and given back", async () => {
    const folder = temporaryFolder();
    const link = join(temporaryFolder(), "link");
    symlinkSync(folder, link);
    const unlock = await lockFolder(folder);
    for (const path of [folder, link]) {
      await expect(lockFolder(path)).rejects.toThrow(TrainingError);
      await expect(lockFolder(path)).rejects.toThrow(`another run trains in this folder (process ${process.pid} on ${hostname()})`);
    }
    await unlock();
    expect(readdirSync(folder)).toEqual([]);
    await (
      await lockFolder(folder)
    )();
  });

  it("of a process that lives keeps others out; that of one that ended does not", async () => {
    const folder = temporaryFolder();
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    writeFileSync(join(folder, LOCK), JSON.stringify({ pid: child.pid, host: hostname() }));
    await expect(lockFolder(folder)).rejects.toThrow(`process ${child.pid}`);
    child.kill("SIGKILL");
    await ended;
    const unlock = await lockFolder(folder);
    expect(JSON.parse(readFileSync(join(folder, LOCK), "utf8"))).toEqual({ pid: process.pid, host: hostname() });
    await unlock();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("of an earlier process with this one's number is taken over, as in a container", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, LOCK), JSON.stringify({ pid: process.pid, host: hostname() }));
    await (
      await lockFolder(folder)
    )();
    expect(existsSync(join(folder, LOCK))).toBe(false);
  });

  it.each([
    ["another machine", JSON.stringify({ pid: 1, host: "another.example" })],
    ["nobody that can be read", "{"],
    ["nobody", ""],
  ])("of %s says which file to remove", async (_, text) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, LOCK), text);
    await expect(lockFolder(folder)).rejects.toThrow(/remove the file$/);
    expect(readFileSync(join(folder, LOCK), "utf8")).toBe(text);
  });

  it("is had by one of many that want it at once, a stale one too", async () => {
    for (const stale of [false, true]) {
      const folder = temporaryFolder();
      if (stale) writeFileSync(join(folder, LOCK), JSON.stringify({ pid: process.pid, host: hostname() }));
      const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)));
      expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect(readdirSync(folder)).toEqual([LOCK]);
    }
  });

  it("cannot be had where nothing can be written", async () => {
    await expect(lockFolder("/no/such/folder")).rejects.toThrow(SourceError);
  });
});
