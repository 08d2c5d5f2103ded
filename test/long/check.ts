/** One number of a check, and whether it is as it has to be. */
export interface Finding {
  readonly what: string;
  readonly value: number;
  /** What it may be at most; left out: it is told, not judged. */
  readonly limit?: number;
}

export interface CheckOptions {
  /** How much to do, in the check's own measure; default: the check's. */
  readonly count?: number | undefined;
  readonly onProgress?: (what: string) => void;
}

/** A check that takes minutes, so it is no part of `npm test`. */
export interface LongCheck {
  readonly name: string;
  /** One line for the list: what is done, and in what `count` is. */
  readonly about: string;
  run(options: CheckOptions): Promise<readonly Finding[]>;
}

/** A finding without a limit always holds; NaN never does. */
export function holds({ value, limit }: Finding): boolean {
  return limit === undefined || value <= limit;
}
