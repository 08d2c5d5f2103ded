import { UsageError } from "../errors.ts";
import { ApiError } from "./errors.ts";

/**
 * Checks `Authorization: Bearer KEY`. Keys are compared by their SHA-256 digests, all 32 bytes of every key: how long it
 * takes depends on what the client sent alone, not on the keys or their lengths.
 */
export class KeyCheck {
  readonly #digests: Promise<readonly Uint8Array[]>;

  /**
   * Spaces and line ends around a key are left out: files end with one, and no client could send it.
   * @throws UsageError for an empty key, as an unset variable must not open the server, and for one that no header can carry.
   */
  constructor(keys: readonly string[]) {
    this.#digests = Promise.all(keys.map(readKey).map(digest));
  }

  /** @throws ApiError 401 when the key is missing or wrong. */
  async check(authorization: string | null): Promise<void> {
    const given = /^Bearer +(.+)$/i.exec(authorization ?? "")?.[1]?.trim();
    if (given === undefined) throw unauthorised("an API key is needed: send it as `Authorization: Bearer KEY`");
    const own = await digest(given);
    let known = 0;
    for (const key of await this.#digests) {
      let difference = 0;
      for (let i = 0; i < key.length; i++) difference |= (key[i] as number) ^ (own[i] as number);
      known |= Number(difference === 0);
    }
    if (known === 0) throw unauthorised("the API key is wrong");
  }
}

function readKey(given: string): string {
  const key = typeof given === "string" ? given.trim() : "";
  if (key === "") throw new UsageError("is empty; give a key or leave it out", { field: "apiKey" });
  if (!/^[\x20-\x7e]+$/.test(key))
    throw new UsageError("holds characters that clients cannot send in a header; use letters, digits and signs of ASCII", {
      field: "apiKey",
    });
  return key;
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

function unauthorised(message: string): ApiError {
  return new ApiError(401, "authentication_error", message, { code: "invalid_api_key", headers: { "www-authenticate": "Bearer" } });
}
