import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { hubLocation, isRepoPath, placeOf } from "../../src/hub/place.ts";

describe("what a location means", () => {
  it.each([
    ["chat", { kind: "name", name: "chat" }],
    ["my-model_2", { kind: "name", name: "my-model_2" }],
    ["./chat", { kind: "path" }],
    ["chat/", { kind: "path" }],
    ["models\\chat", { kind: "path" }],
    ["chat.safetensors", { kind: "path" }],
    ["..", { kind: "path" }],
    ["-x", { kind: "path" }],
    ["x".repeat(97), { kind: "path" }],
    ["file:///tmp/m", { kind: "path" }],
    ["C:\\models\\m", { kind: "path" }],
    ["hf:a/b", { kind: "hub", owner: "a", repo: "b", revision: "main", file: undefined }],
    ["hf:HuggingFaceTB/SmolLM2-135M", { kind: "hub", owner: "HuggingFaceTB", repo: "SmolLM2-135M", revision: "main", file: undefined }],
    ["HF:a/b.c@v1.0", { kind: "hub", owner: "a", repo: "b.c", revision: "v1.0", file: undefined }],
    ["hf:a/b@refs/pr/3:dir/m.gguf", { kind: "hub", owner: "a", repo: "b", revision: "refs/pr/3", file: "dir/m.gguf" }],
    ["hf:a/b:m.gguf", { kind: "hub", owner: "a", repo: "b", revision: "main", file: "m.gguf" }],
  ])("%s", (location, place) => expect(placeOf(location)).toMatchObject(place));

  it("an http(s) URL is one, without its fragment", () => {
    expect(placeOf("https://example.org/m.safetensors?x=1#y")).toMatchObject({ kind: "url" });
    const place = placeOf("HTTPS://example.org/m.safetensors?x=1#y");
    expect(place.kind === "url" && place.url.href).toBe("https://example.org/m.safetensors?x=1");
  });

  it.each([
    "hf:",
    "hf:a",
    "hf:/b",
    "hf:a/",
    "hf:a/b/c",
    "hf:../b",
    "hf:a/..",
    "hf:a/b@",
    "hf:a/b@../x",
    "hf:a/b@x//y",
    "hf:a/b@x/",
    "hf:a/b:",
    "hf:a/b:../x",
    "hf:a/b:x/../y",
    "hf:a/b:/x",
    "hf:a/b:x\\y",
    "hf:a/b:x\ny",
    "hf:a/b:\ud800",
    `hf:a/${"b".repeat(200)}`,
    "https://",
    "https://user:secret@example.org/m",
  ])("%j is wrong usage, in few words", (location) => {
    const error = (() => {
      try {
        placeOf(location);
      } catch (thrown) {
        return thrown as UsageError;
      }
      return undefined;
    })();
    expect(error).toBeInstanceOf(UsageError);
    expect(error?.message).not.toContain("secret");
    expect(error?.message.length).toBeLessThan(500);
  });

  it("a hub's place is written as it is read", () => {
    for (const text of ["hf:a/b", "hf:a/b@v1", "hf:a/b:x.gguf", "hf:a/b@refs/pr/1:d/x.gguf"]) {
      const place = placeOf(text);
      expect(place.kind === "hub" && hubLocation(place)).toBe(text);
    }
  });

  it("paths of a repository lead nowhere else", () => {
    for (const good of ["x", "a/b.c", "...", ".gitattributes"]) expect(isRepoPath(good), good).toBe(true);
    for (const bad of ["", "/", "a/", "/a", "..", "a/..", "./a", "a//b", "a\\b", "a\0", "x".repeat(1025)])
      expect(isRepoPath(bad), JSON.stringify(bad)).toBe(false);
  });
});
