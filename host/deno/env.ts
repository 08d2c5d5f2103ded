import { deno } from "./runtime.ts";

/** An environment variable, where Deno allows it to be read; asks for nothing. */
export function denoEnv(name: string): string | undefined {
  return deno.permissions.querySync({ name: "env", variable: name }).state === "granted" ? deno.env.get(name) : undefined;
}
