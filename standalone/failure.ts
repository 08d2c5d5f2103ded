// AssemblyScript has no exceptions. The first failure is kept, its steps return at once, and whoever began reads it: the command
// prints it and exits, the component returns it.

let failing = false;
let text = "";
let subject = "";

/** Names the file that failures are about from now on; "" for none. */
export function failuresAbout(file: string): void {
  subject = file;
}

/** Keeps the first failure: what is wrong and, before it, the file and the field. */
export function fail(message: string, field: string = ""): void {
  if (failing) return;
  failing = true;
  const where = subject.length > 0 && field.length > 0 ? subject + ": " + field : subject + field;
  text = where.length > 0 ? where + ": " + message : message;
}

export function failed(): bool {
  return failing;
}

/** The failure's text; afterwards there is none. */
export function takeFailure(): string {
  const result = text;
  failing = false;
  text = "";
  return result;
}
