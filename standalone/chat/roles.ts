import { FIELD_WORD } from "../../core/fields";
import { Bytes } from "../bytes";
import { fail, failed } from "../failure";
import { JsonFields } from "../format/fields";
import { JsonReader } from "../format/json";
import { isSpace } from "../text/unicode";
import { Tokenizer } from "../text/tokenizer";
import { characterBefore, characterBytes, codePointAt } from "../text/utf8";

export const SYSTEM: i32 = 0;
export const USER: i32 = 1;
export const ASSISTANT: i32 = 2;

const FIELD = "blockffn.chat_roles";
/** Before the first message. */
const START = 3;
const NAMES: string[] = ["system", "user", "assistant", "start"];
const ANSWER = "user.answer";

const LEFT: i32 = 1;
const RIGHT: i32 = 2;
const TRIMS: string[] = ["none", "left", "right", "both"];

/** One message of a conversation; its content is well-formed UTF-8. */
export class Message {
  content: Bytes = new Bytes();

  constructor(public role: i32) {}
}

/** What a chat template writes around contents (src/text/chat-roles.ts, docs/packed-format.md). */
export class ChatRoles {
  /** The text between two messages: [role before or START][role]; null where the template has none. */
  private between: (Bytes | null)[] = [];
  private answer: Bytes = new Bytes();
  private trims: i32[] = [];

  /** Reads the section's JSON. Fails naming the field. */
  read(text: string): void {
    const json = String.UTF8.encode(text);
    const fields = new JsonFields(FIELD);
    fields.read(new JsonReader(changetype<usize>(json), json.byteLength, FIELD));
    if (failed()) return;
    for (let before = 0; before <= START; before++) {
      for (let role = 0; role < START; role++) {
        const name = NAMES[before] + "." + NAMES[role];
        this.between.push(fields.kind(name) === FIELD_WORD ? bytesOf(fields.word(name)) : null);
      }
    }
    for (let role = 0; role < START; role++) {
      const name = "trim." + NAMES[role];
      const trim = fields.kind(name) === FIELD_WORD ? TRIMS.indexOf(fields.word(name)) : -1;
      if (trim < 0) return fail("must be one of " + TRIMS.join(", "), FIELD + ": " + name);
      this.trims.push(trim);
    }
    if (fields.kind(ANSWER) !== FIELD_WORD) return fail("is missing", FIELD + ": " + ANSWER);
    this.answer = bytesOf(fields.word(ANSWER));
    for (let i = 0; i < NEEDED.length; i += 2) {
      if (this.text(NEEDED[i], NEEDED[i + 1]) === null) fail("is missing", `${FIELD}: ${NAMES[NEEDED[i]]}.${NAMES[NEEDED[i + 1]]}`);
    }
  }

  /** Whether a conversation may begin with a system text. */
  get takesSystem(): bool {
    return this.text(START, SYSTEM) !== null && this.text(SYSTEM, USER) !== null;
  }

  /**
   * Appends a conversation up to where an answer begins: the system text, if there is one, and messages from `first` on. Special tokens
   * that contents spell out are noted in `literal`, by their places: only the template can set them.
   */
  write(messages: Message[], first: i32, tokenizer: Tokenizer, out: Bytes, literal: Bytes): void {
    let before = START;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i];
      if (i < first && message.role !== SYSTEM) continue;
      const text = this.text(before, message.role);
      if (text === null) return fail(`the model's chat template has nothing for ${NAMES[message.role]} after ${NAMES[before]}`, "messages");
      out.append(text.at, text.length);
      this.content(message, tokenizer, out, literal);
      before = message.role;
    }
    out.append(this.answer.at, this.answer.length);
  }

  private text(before: i32, role: i32): Bytes | null {
    return this.between[before * START + role];
  }

  private content(message: Message, tokenizer: Tokenizer, out: Bytes, literal: Bytes): void {
    let at = message.content.at;
    let end = at + message.content.length;
    const trim = this.trims[message.role];
    if (trim & LEFT) while (at < end && isStripped(codePointAt(at))) at += characterBytes(at);
    while (trim & RIGHT && end > at) {
      const before = characterBefore(end);
      if (!isStripped(codePointAt(before))) break;
      end = before;
    }
    tokenizer.specialsIn(at, <u32>(end - at), out.length, literal);
    out.append(at, <u32>(end - at));
  }
}

/** Pairs without which there is no conversation. */
const NEEDED: i32[] = [START, USER, USER, ASSISTANT, ASSISTANT, USER];

/** What Python's `str.strip` takes. */
function isStripped(code: u32): bool {
  return isSpace(code) || (code >= 0x1c && code <= 0x1f);
}

function bytesOf(text: string): Bytes {
  const bytes = new Bytes();
  bytes.appendText(text);
  return bytes;
}
