import { ApiError, badRequest } from "./errors.ts";

/**
 * Reads a request's JSON object, at most `limit` bytes of it.
 * @throws ApiError 415 for another content type, 413 when it is too large, 400 when it is not UTF-8, not JSON or no object.
 */
export async function readJson(request: Request, limit: number): Promise<Record<string, unknown>> {
  // Browsers ask before they send JSON to another origin, but not before they send plain text.
  if (!/^application\/json *(;|$)/i.test(request.headers.get("content-type") ?? "")) {
    throw new ApiError(415, "invalid_request_error", "send JSON, with the header `content-type: application/json`", { code: "unsupported_media_type" });
  }
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > limit) throw tooLarge(limit);
  const bytes = await readBytes(request, limit);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw badRequest("the body is not valid JSON in UTF-8", undefined, "invalid_json");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw badRequest("the body must be a JSON object", undefined, "invalid_json");
  return value as Record<string, unknown>;
}

async function readBytes(request: Request, limit: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done || value === undefined) break;
    size += value.length;
    if (size > limit) {
      reader?.cancel().catch(() => undefined);
      throw tooLarge(limit);
    }
    parts.push(value);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function tooLarge(limit: number): ApiError {
  return new ApiError(413, "invalid_request_error", `the body has more than ${limit} bytes, which is the limit`, { code: "request_too_large" });
}
