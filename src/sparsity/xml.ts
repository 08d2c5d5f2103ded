/** Longest label of a token, in code points. */
const MAX_LABEL = 12;

/** What XML 1.0 cannot hold, escaped or not: most control characters, lone surrogates, U+FFFE and U+FFFF. */
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

/** Text for XML content or attributes. */
export function escapeXml(text: string): string {
  return text.replace(FORBIDDEN, "\ufffd").replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

/** A token for an axis: white space made visible, long ones cut. */
export function tokenLabel(token: string): string {
  const visible = token
    .replace(/\n/g, "⏎")
    .replace(/\r/g, "␍")
    .replace(/\t/g, "⇥")
    .replace(/ /g, "·")
    .replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "");
  const points = [...visible];
  return points.length > MAX_LABEL ? `${points.slice(0, MAX_LABEL - 1).join("")}…` : visible;
}
