/** What an error is about: shown in the message and kept for programs. */
export interface ErrorDetails {
  /** File (or request part) that is wrong. */
  readonly file?: string;
  /** Field, tensor or header entry inside it. */
  readonly field?: string;
  /** The limit that was passed, in words or as a number. */
  readonly limit?: string | number;
  readonly cause?: unknown;
}

/** Longest part of a message that comes from outside (a path, a tensor's name), in UTF-16 units. */
const MAX_PART = 300;

/** Base of every error that blockffn raises on purpose. `message` names the file, the field and what to do next. */
export class BlockFFNError extends Error {
  readonly file: string | undefined;
  readonly field: string | undefined;
  readonly limit: string | number | undefined;

  constructor(message: string, details: ErrorDetails = {}) {
    const where = [details.file, details.field]
      .filter((part) => part !== undefined)
      .map(shortened)
      .join(": ");
    super(where === "" ? message : `${where}: ${message}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.file = details.file;
    this.field = details.field;
    this.limit = details.limit;
  }
}

/** A text for a message, cut where it is no longer for reading. */
export function shortened(text: string): string {
  return text.length > MAX_PART ? `${text.slice(0, MAX_PART)}… (${text.length} characters)` : text;
}

/** Bytes that are not what their format promises (safetensors, zip, pickle, packed model). */
export class FormatError extends BlockFFNError {}

/** A config.json or packed configuration that is missing, unsupported or does not fit together. */
export class ConfigError extends BlockFFNError {}

/** A tokenizer.json that cannot be used, or text that it cannot take. */
export class TokenizerError extends BlockFFNError {}

/** Something needed more than is allowed or there: memory, context, file size. */
export class LimitError extends BlockFFNError {}

/** Memory that could not be had: an engine's has reached its end, or the runtime gives no more. What was half taken is given back. */
export class MemoryError extends LimitError {}

/** A wrong argument from the caller: an option, a token id, a sequence that is disposed. */
export class UsageError extends BlockFFNError {}

/** A file that is not there or cannot be read. */
export class SourceError extends BlockFFNError {}

/** A server that could not be reached, or did not give what it was asked for. */
export class NetworkError extends SourceError {
  /** HTTP status of its answer; undefined where there was none. */
  readonly status: number | undefined;

  constructor(message: string, details: ErrorDetails & { readonly status?: number } = {}) {
    super(message, details);
    this.status = details.status;
  }
}

/** A thread of the engine failed, or did not come back: the model cannot go on. */
export class ThreadError extends BlockFFNError {}

/** An address that a server cannot listen on. */
export class AddressError extends BlockFFNError {}

/** Training that cannot go on: a loss that is not finite, a checkpoint that belongs to another run. */
export class TrainingError extends BlockFFNError {}
