import { Bytes } from "../bytes";
import { Tokenizer } from "./tokenizer";
import { appendWellFormed } from "./utf8";

/** Turns ids into text one by one; an unfinished UTF-8 character waits for its end. */
export class TextStream {
  private pending: Bytes = new Bytes();
  private whole: Bytes = new Bytes();
  private toStrip: i32;

  /** @param continuation the ids go on after other text, so a leading space stays */
  constructor(
    private tokenizer: Tokenizer,
    continuation: bool,
  ) {
    this.toStrip = continuation ? 0 : tokenizer.decoder.stripCount;
  }

  /** Appends the text that is complete with this id. */
  push(id: i32, out: Bytes): void {
    if (this.tokenizer.isSpecial(id)) return;
    this.tokenizer.appendToken(id, this.pending);
    this.take(false, out);
  }

  /** Appends what is left: U+FFFD for an unfinished character. */
  flush(out: Bytes): void {
    this.take(true, out);
    this.toStrip = 0;
  }

  private take(last: bool, out: Bytes): void {
    const pending = this.pending;
    const whole = this.whole;
    whole.clear();
    const done = appendWellFormed(whole, pending.at, pending.length, last);
    memory.copy(pending.at, pending.at + done, pending.length - done);
    pending.length -= done;
    let start: u32 = 0;
    while (this.toStrip > 0 && start < whole.length) {
      if (load<u8>(whole.at + start) === this.tokenizer.decoder.stripByte) {
        start++;
        this.toStrip--;
      } else this.toStrip = 0;
    }
    out.append(whole.at + start, whole.length - start);
  }
}
