import { UsageError } from "../errors.ts";

/**
 * Where a model is, as a host takes it: a path or a URL as text.
 * @throws UsageError for anything else: bytes turned into text would be a name of millions of characters.
 */
export function locationOf(location: unknown, field = "location"): string {
  if (location instanceof URL) return location.href;
  if (typeof location !== "string") throw new UsageError(`must be a path or a URL, not ${kindOf(location)}`, { field });
  if (location === "") throw new UsageError("is empty; give a packed model or a folder with config.json", { field });
  return location;
}

function kindOf(value: unknown): string {
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  const bytes = ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
  return bytes
    ? "bytes; write them to a file, or hand them over as the URL of a Blob in a browser"
    : `an object (${value.constructor?.name ?? "Object"})`;
}
