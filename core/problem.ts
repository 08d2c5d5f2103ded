/** A field is missing, of the wrong kind or out of its range. */
export const PROBLEM_FIELD = 1;
/** Fields are right by themselves and do not fit together. */
export const PROBLEM_FIT = 2;
/** More memory than the limit. */
export const PROBLEM_MEMORY = 3;

/**
 * What is wrong with an input. One compiler has no exceptions, so a record is kept: src throws it as one of its errors, the stand-alone
 * host keeps it as its failure. Both say the same.
 */
export class Problem {
  /**
   * @param code PROBLEM_*
   * @param field dotted name of the field; "" where it is about several
   * @param limit the value that may not be passed; NaN where there is none
   * @param text what is wrong and what may be, without file and field
   */
  constructor(
    readonly code: i32,
    readonly field: string,
    readonly limit: f64,
    readonly text: string,
  ) {}
}

/** A whole number in digits: as text, the compilers write a float differently. */
export function digits(value: f64): string {
  return (value as i64).toString();
}
