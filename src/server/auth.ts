import { UsageError } from "../errors.ts";
import { ApiError } from "./errors.ts";

/**
 * Checks `Authorization: Bearer KEY`. Keys are compared by their SHA-256 digests, all 32 bytes of every key: how long it
 * takes depends on what the client sent alone, not on the keys or their lengths.
 */
export class KeyCheck {
  readonly #digests: Promise<readonly Uint8Array[]>;

  /** @throws UsageError for an empty key: an unset variable must not open the server. */
  constructor(keys: readonly string[]) {
    if (keys.some((key) => typeof key !== "string" || key.trim() === "")) throw new UsageError("is empty; give a key or leave it out", { field: "apiKey" });
    this.#digests = Promise.all(keys.map(digest));
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

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

function unauthorised(message: string): ApiError {
  return new ApiError(401, "authentication_error", message, { code: "invalid_api_key", headers: { "www-authenticate": "Bearer" } });
}
