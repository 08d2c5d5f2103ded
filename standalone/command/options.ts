import { Bytes } from "../bytes";
import { fail, failed } from "../failure";
import { parseDecimal } from "../format/decimal";
import { GenerateOptions, SPECULATE_NGRAM, SPECULATE_OFF } from "../decode/options";

/** What the command line asks for. */
export class CommandLine {
  model: string = "";
  prompt: string = "";
  hasPrompt: bool = false;
  hasSeed: bool = false;
  hasTokens: bool = false;
  tokens: Bytes = new Bytes();
  json: bool = false;
  help: bool = false;
  chat: bool = false;
  question: string = "";
  hasQuestion: bool = false;
  system: string = "";
  hasSystem: bool = false;

  /** @param generate what is taken where the arguments say nothing */
  constructor(public generate: GenerateOptions) {}

  /** Reads the arguments. Fails naming the option that is wrong. */
  read(list: string[]): void {
    this.chat = list.length > 0 && list[0] == "chat";
    for (let i = this.chat ? 1 : 0; i < list.length && !failed(); i++) {
      let name = list[i];
      if (this.flag(name)) continue;
      if (this.chat && !name.startsWith("-") && !this.hasQuestion) {
        this.question = name;
        this.hasQuestion = true;
        continue;
      }
      let value = "";
      const equals = name.indexOf("=");
      if (name.startsWith("--") && equals > 0) {
        value = name.slice(equals + 1);
        name = name.slice(0, equals);
      } else if (!OPTIONS.includes(name)) {
        fail(`unknown option ${name.slice(0, 40)}; --help lists what there is`);
      } else if (++i < list.length) {
        value = list[i];
      } else {
        fail("needs a value", name);
      }
      if (!failed()) this.option(name, value);
    }
    if (this.help || failed()) return;
    if (this.model.length === 0) fail("is needed: the packed model to use", "--model");
    if (this.chat) {
      if (this.hasTokens || this.hasPrompt)
        fail("is no option of chat: give the question itself, or messages on stdin", "--prompt, --tokens");
      if (this.hasQuestion && this.question.trim().length === 0) fail("is empty", "question");
      if (this.hasSystem && this.system.length === 0) fail("is empty; leave it out", "--system");
    } else if (this.hasSystem) fail("is an option of chat", "--system");
    else if (this.hasTokens === this.hasPrompt) fail('give a --prompt ("-": stdin) or --tokens, one of them');
    this.generate.check();
  }

  private flag(name: string): bool {
    if (name == "--json") this.json = true;
    else if (name == "--ignore-eos") this.generate.ignoreEos = true;
    else if (name == "--help" || name == "-h") this.help = true;
    else return false;
    return true;
  }

  private option(name: string, value: string): void {
    const options = this.generate;
    if (name == "--model" || name == "-m") this.model = value;
    else if (name == "--prompt" || name == "-p") {
      this.prompt = value;
      this.hasPrompt = true;
    } else if (name == "--max-tokens" || name == "-n") options.maxTokens = <i32>wholeNumber(name, value, i32.MAX_VALUE);
    else if (name == "--temperature" || name == "-t") options.temperature = decimal(name, value);
    else if (name == "--top-p") options.topP = decimal(name, value);
    else if (name == "--min-p") options.minP = decimal(name, value);
    else if (name == "--repetition-penalty") options.repetitionPenalty = decimal(name, value);
    else if (name == "--top-k") options.topK = <i32>wholeNumber(name, value, i32.MAX_VALUE);
    else if (name == "--seed") {
      options.seed = wholeNumber(name, value, (1 << 53) - 1);
      this.hasSeed = true;
    } else if (name == "--tokens") this.readTokens(value);
    else if (name == "--stop") options.stops.push(value);
    else if (name == "--system") {
      this.system = value;
      this.hasSystem = true;
    } else if (name == "--speculate") {
      if (value != "ngram" && value != "off") fail("must be ngram or off", name);
      options.speculate = value == "ngram" ? SPECULATE_NGRAM : SPECULATE_OFF;
    } else fail(`unknown option ${name.slice(0, 40)}; --help lists what there is`);
  }

  private readTokens(value: string): void {
    this.hasTokens = true;
    const parts = value.split(",");
    for (let i = 0; i < parts.length && !failed(); i++) this.tokens.pushInt(<i32>wholeNumber("--tokens", parts[i].trim(), i32.MAX_VALUE));
  }
}

const OPTIONS: string[] = [
  "--model",
  "-m",
  "--prompt",
  "-p",
  "--max-tokens",
  "-n",
  "--temperature",
  "-t",
  "--top-p",
  "--min-p",
  "--repetition-penalty",
  "--top-k",
  "--seed",
  "--tokens",
  "--speculate",
  "--stop",
  "--system",
];

function wholeNumber(name: string, text: string, most: u64): u64 {
  let value: u64 = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = <u32>text.charCodeAt(i) - 0x30;
    if (digit > 9 || value > most) {
      fail(`must be a whole number from 0 to ${most}`, name);
      return 0;
    }
    value = value * 10 + digit;
  }
  if (text.length === 0 || value > most) fail(`must be a whole number from 0 to ${most}`, name);
  return value;
}

function decimal(name: string, text: string): f64 {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if ((c < 0x30 || c > 0x39) && c !== 0x2e && c !== 0x2b && c !== 0x2d && (c | 32) !== 0x65) {
      fail("must be a number", name);
      return 0;
    }
  }
  const value = parseDecimal(text);
  if (!isFinite(value)) fail("must be a number", name);
  return value;
}

export const HELP = `blockffn: continues a text with a packed sparse language model, or talks with one.

  chat [QUESTION]           answer the question; without it each line of stdin is a message of a conversation
  --model, -m FILE          packed model, made by \`blockffn convert\`; below a folder that the runtime was given
  --prompt, -p TEXT         text to continue; "-" reads stdin
  --tokens 1,2,3            prompt as token ids instead
  --max-tokens, -n N        most new tokens (default: 256; chat: the model's, else 1024)
  --temperature, -t T       0 takes the likeliest token, above draws (default: 0; chat: the model's, else 0)
  --top-k N, --top-p P, --min-p P, --repetition-penalty R
  --seed N                  same seed, same text (default: random)
  --speculate ngram|off     verify several guessed tokens at once, same text (default: off)
  --stop TEXT               end before this text, or special token; may be given more than once
  --system TEXT             of chat: the system text (default: what the model's template has)
  --ignore-eos              go on after an end-of-sequence token
  --json                    print one JSON object; chat: one an answer

In a conversation /reset forgets all but the system text, /system TEXT sets it, /exit leaves, and //TEXT says /TEXT.

Examples:
  wasmtime run --dir . blockffn.wasi.wasm -- --model nano.safetensors --prompt "Once upon a time" --max-tokens 64
  echo "Tom had a red car." | wasmtime run --dir . blockffn.wasi.wasm -- --model nano.safetensors --prompt - --temperature 0.8 --seed 7
  wasmtime run --dir . blockffn.wasi.wasm -- chat "What is the capital of France?" --model chat.safetensors

Exit codes: 0 done, 1 failed, 2 wrong usage.
`;
