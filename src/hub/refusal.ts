import { NetworkError } from "../errors.ts";
import { TOKEN, type HubSettings } from "./settings.ts";

/** What an answer that is no success means for the user. Where the hub says more than the status, it is in `X-Error-Code`. */
export function refusal(
  { status, headers }: { readonly status: number; readonly headers: Headers },
  what: string,
  { endpoint, token }: HubSettings,
  url: URL,
): NetworkError {
  const code = headers.get("x-error-code");
  const hub = url.origin === endpoint.origin;
  return new NetworkError((hub ? ofHub(status, code, endpoint, token !== undefined) : undefined) ?? ofServer(status), {
    file: what,
    status,
  });
}

function ofHub(status: number, code: string | null, endpoint: URL, hasToken: boolean): string | undefined {
  if (code === "GatedRepo") {
    const then = hasToken ? `with the account of ${TOKEN}` : `and set ${TOKEN} to a token of your account`;
    return `its owner asks for consent: give it on the model's page at ${endpoint.host} ${then}`;
  }
  if (code === "RevisionNotFound") return "has no such revision; check the branch, tag or commit behind @";
  if (code === "EntryNotFound") return "has no such file; check the name behind :";
  if (code === "RepoNotFound" || status === 401 || (status === 404 && code === null)) {
    return hasToken
      ? `is not there, or ${TOKEN} may not read it; check the name, and the token's rights`
      : `is not there, or private; check the name, or set ${TOKEN}`;
  }
  if (status === 403) return `may not be read (403); ${hasToken ? `check the rights of ${TOKEN}` : `set ${TOKEN}`}`;
  return undefined;
}

function ofServer(status: number): string {
  if (status === 404 || status === 410) return "there is no such file; check the URL";
  if (status === 401 || status === 403) return `may not be read (${status}); check the URL`;
  if (status === 429) return "the server has had too many requests (429); try again later";
  if (status >= 500) return `the server has an error (${status}); try again later`;
  return `the server answers ${status}`;
}
