// The command line that run-*.mjs and interleave.mjs share.
import { parseArgs } from "node:util";
import { shapeNamed, typeNamed } from "./shapes.mjs";

export const HELP = `  --shape NAME     tiny, 9M, 135M, 0.5B or 0.5B-total (135M)
  --type NAME      q8, q4 (embedding and head at 8 bits), q4_0 or f16 (q8)
  --threads N      (1)
  --prompt N       tokens of the prefill (256)
  --new N          decoded tokens, after a 16-token prompt (64)
  --rounds N       measured rounds (5)
  --warmup N       rounds before them (1)
  --json           print JSON
`;

/** Parses the arguments, with `more` option declarations; exits 2 on a usage error, 0 on --help (printing `usage`). */
export function options(usage, more = {}) {
  const text = { type: "string" };
  const number = (value, name, least = 1) => {
    const n = Number(value);
    if (!Number.isInteger(n) || n < least) throw new Error(`--${name}: a whole number of at least ${least}`);
    return n;
  };
  try {
    const { values } = parseArgs({
      options: {
        shape: text,
        type: text,
        threads: text,
        prompt: text,
        new: text,
        rounds: text,
        warmup: text,
        json: { type: "boolean" },
        help: { type: "boolean" },
        ...more,
      },
    });
    if (values.help) {
      console.log(`${usage}\n${HELP}`);
      process.exit(0);
    }
    const {
      shape = "135M",
      type = "q8",
      threads = 1,
      prompt = 256,
      new: steps = 64,
      rounds = 5,
      warmup = 1,
      json = false,
      ...rest
    } = values;
    shapeNamed(shape);
    typeNamed(type);
    return {
      shape,
      type,
      json,
      ...rest,
      threads: number(threads, "threads"),
      prompt: number(prompt, "prompt"),
      steps: number(steps, "new"),
      rounds: number(rounds, "rounds"),
      warmup: number(warmup, "warmup", 0),
    };
  } catch (error) {
    console.error(`${error.message}\n\n${usage}\n${HELP}`);
    process.exit(2);
  }
}
