import { TokenizerError } from "../errors.ts";
import type { ChatTemplate } from "./chat-template.ts";
import { probeConversations } from "./chat-probes.ts";
import { compileTemplate, type RenderTemplate } from "./render-template.ts";
import { isSpace } from "./jinja/lexer.ts";
import type { Turn } from "./turn.ts";

/** Which ends of a content a template takes white space from, as Python's `str.strip` has it. */
export type Trim = "none" | "left" | "right" | "both";

/**
 * What a chat template writes around contents, where that is all it does: the text between two neighbours depends on their roles alone. A
 * conversation is a system text or none, then users and assistants by turns, the user last; `answer` is what the model goes on from.
 */
export interface ChatRoles {
  /** Before the first message, by its role: BOS and a system text that the template puts itself belong to it. */
  readonly start: { readonly system?: string; readonly user: string };
  /** undefined where the template refuses system texts, or writes them in a way of its own. */
  readonly system?: { readonly user: string };
  readonly user: { readonly assistant: string; readonly answer: string };
  readonly assistant: { readonly user: string };
  readonly trim: { readonly system: Trim; readonly user: Trim; readonly assistant: Trim };
}

type Role = "system" | "user" | "assistant";

/** Most UTF-16 units between two contents. */
const LONGEST = 1 << 15;
const SPACED = " \n\tx\t\n ";
const TRIMS: readonly Trim[] = ["none", "left", "right", "both"];

/** Contents that no template looks for. */
const name = (i: number): string => `zq${i}xv`;

/**
 * What a template does by roles; undefined where it does more than that, or another thing with some content, order or number of turns: it
 * is
 * found out by rendering probes (chat-probes.ts), so what a template does on a day or by chance must not be in it.
 */
export function findChatRoles(template: ChatTemplate): ChatRoles | undefined {
  if (/strftime_now|\brandom\b/.test(template.source)) return undefined;
  const render = tried(() => compileTemplate(template));
  if (render === undefined) return undefined;
  const find = (withSystem: boolean): ChatRoles | undefined => {
    const roles = readRoles(render, withSystem);
    if (roles === undefined) return undefined;
    const own = [roles.start, roles.system ?? {}, roles.user, roles.assistant].flatMap(
      (texts) => Object.values(texts as object) as string[],
    );
    if (own.some((text) => text.length > LONGEST)) return undefined;
    const probes = probeConversations(own, roles.system !== undefined);
    return probes.every((turns) => render(turns) === writeByRoles(roles, turns)) ? roles : undefined;
  };
  // Some write the system text elsewhere than first.
  return tried(() => find(true)) ?? tried(() => find(false));
}

/** Writes a conversation by roles, for an answer to begin. The stand-alone host's is standalone/chat/roles.ts. */
export function writeByRoles(roles: ChatRoles, turns: readonly Turn[]): string {
  let text = "";
  let before: "start" | Role = "start";
  for (const { role, content } of turns as readonly { role: Role; content: string }[]) {
    text += between(roles, before, role) + trimmed(content, roles.trim[role]);
    before = role;
  }
  return text + roles.user.answer;
}

function between(roles: ChatRoles, before: "start" | Role, role: Role): string {
  const after = roles[before] as Readonly<Record<string, string>> | undefined;
  const text = after?.[role];
  if (text === undefined) throw new TokenizerError(`the template has nothing for ${role} after ${before}`, { field: "chat_roles" });
  return text;
}

function readRoles(render: RenderTemplate, withSystem: boolean): ChatRoles | undefined {
  const plain = cut(render, ["user", "assistant", "user"]);
  const opened = withSystem ? tried(() => cut(render, ["system", "user"])) : undefined;
  if (plain === undefined) return undefined;
  const [start, said, next, answer] = plain as [string, string, string, string];
  const roles = {
    start: { ...(opened !== undefined && { system: opened[0]! }), user: start },
    ...(opened !== undefined && { system: { user: opened[1]! } }),
    user: { assistant: said, answer },
    assistant: { user: next },
    trim: { system: "none", user: "none", assistant: "none" },
  } as const satisfies ChatRoles;
  const trim = (role: Role, list: readonly Role[]): Trim | undefined =>
    TRIMS.find((one) => {
      const turns = list.map((other, i) => ({ role: other, content: other === role ? SPACED : name(i) }));
      return render(turns) === writeByRoles({ ...roles, trim: { ...roles.trim, [role]: one } }, turns);
    });
  const user = trim("user", ["user"]);
  const assistant = trim("assistant", ["user", "assistant", "user"]);
  const system = opened === undefined ? "none" : trim("system", ["system", "user"]);
  if (user === undefined || assistant === undefined || system === undefined) return undefined;
  return { ...roles, trim: { system, user, assistant } };
}

/** The texts before, between and behind the contents of a conversation; undefined when they are not there once, in their order. */
function cut(render: RenderTemplate, list: readonly Role[]): string[] | undefined {
  const names = list.map((_, i) => name(i));
  let rest = render(list.map((role, i) => ({ role, content: names[i]! })));
  const texts: string[] = [];
  for (const content of names) {
    const parts = rest.split(content);
    if (parts.length !== 2) return undefined;
    texts.push(parts[0]!);
    rest = parts[1]!;
  }
  return [...texts, rest];
}

/** undefined when the template refuses. */
function tried<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof TokenizerError) return undefined;
    throw error;
  }
}

/** A content as a template takes it. */
export function trimmed(content: string, trim: Trim): string {
  let start = 0;
  let end = content.length;
  while ((trim === "left" || trim === "both") && start < end && isSpace(content.charCodeAt(start))) start++;
  while ((trim === "right" || trim === "both") && end > start && isSpace(content.charCodeAt(end - 1))) end--;
  return content.slice(start, end);
}
