import type { LongCheck } from "./check.ts";
import { fuzz } from "./fuzz.ts";
import { gguf } from "./gguf.ts";
import { generations } from "./generations.ts";
import { serverLoad } from "./server-load.ts";

/** All checks of `npm run check:long`: each is a file of this folder. */
export const CHECKS: readonly LongCheck[] = [fuzz, generations, gguf, serverLoad];
