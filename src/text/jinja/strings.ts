import type { Budget } from "./budget.ts";
import { isSpace } from "./lexer.ts";

const SURROGATE = /[\ud800-\udfff]/;

/** Number of code points, which Python counts. */
export function length(text: string): number {
  if (!SURROGATE.test(text)) return text.length;
  let count = 0;
  for (let i = 0; i < text.length; count++) i += text.codePointAt(i)! > 0xffff ? 2 : 1;
  return count;
}

/** Code points of a text, each a string. */
export function characters(text: string): string[] {
  return Array.from(text);
}

/** Where the n-th code point begins. */
export function offset(text: string, n: number): number {
  if (!SURROGATE.test(text)) return Math.min(n, text.length);
  let i = 0;
  for (let count = 0; count < n && i < text.length; count++) i += text.codePointAt(i)! > 0xffff ? 2 : 1;
  return i;
}

/** Takes white space, or the given characters, from the ends. */
export function strip(text: string, chars: string | null, left: boolean, right: boolean): string {
  const set = chars === null ? undefined : new Set(characters(chars));
  if (set === undefined) {
    let start = 0;
    let end = text.length;
    while (left && start < end && isSpace(text.charCodeAt(start))) start++;
    while (right && end > start && isSpace(text.charCodeAt(end - 1))) end--;
    return text.slice(start, end);
  }
  let start = 0;
  let end = text.length;
  while (left && start < end) {
    const first = String.fromCodePoint(text.codePointAt(start)!);
    if (!set.has(first)) break;
    start += first.length;
  }
  while (right && end > start) {
    const pair = end - start > 1 ? text.codePointAt(end - 2)! : 0;
    const last = pair > 0xffff ? String.fromCodePoint(pair) : text[end - 1]!;
    if (!set.has(last)) break;
    end -= last.length;
  }
  return text.slice(start, end);
}

/** Longest pattern that is searched for by the engine, which may compare it anew at each place. */
const SHORT = 32;

/** `indexOf` in linear time: Knuth-Morris-Pratt for long patterns. */
export function indexOf(text: string, pattern: string, from = 0): number {
  if (pattern.length <= SHORT) return text.indexOf(pattern, from);
  const failure = new Int32Array(pattern.length);
  for (let i = 1, k = 0; i < pattern.length; i++) {
    while (k > 0 && pattern[i] !== pattern[k]) k = failure[k - 1]!;
    if (pattern[i] === pattern[k]) k++;
    failure[i] = k;
  }
  for (let i = from, k = 0; i < text.length; i++) {
    while (k > 0 && text[i] !== pattern[k]) k = failure[k - 1]!;
    if (text[i] === pattern[k]) k++;
    if (k === pattern.length) return i - k + 1;
  }
  return -1;
}

/** Every place of a pattern that is not empty, from left to right, not overlapping; at most so many. */
export function places(text: string, pattern: string, budget: Budget, most = Infinity): number[] {
  const found: number[] = [];
  for (let at = indexOf(text, pattern); at >= 0 && found.length < most; at = indexOf(text, pattern, at + pattern.length)) {
    budget.take(8);
    found.push(at);
  }
  return found;
}

/** Python's `str.split()` without a separator. */
export function splitSpaces(text: string, most = Infinity): string[] {
  const words: string[] = [];
  for (let i = 0; ;) {
    while (i < text.length && isSpace(text.charCodeAt(i))) i++;
    if (i >= text.length) return words;
    if (words.length >= most) return [...words, strip(text.slice(i), null, false, true)];
    const start = i;
    while (i < text.length && !isSpace(text.charCodeAt(i))) i++;
    words.push(text.slice(start, i));
  }
}

/** Lines as `str.splitlines` has them. */
export function splitLines(text: string, keepEnds: boolean): string[] {
  const lines: string[] = [];
  let start = 0;
  for (const end of text.matchAll(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g)) {
    const after = end.index + end[0].length;
    lines.push(text.slice(start, keepEnds ? after : end.index));
    start = after;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}
