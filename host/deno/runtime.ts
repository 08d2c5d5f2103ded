/** What is used of Deno's API (https://docs.deno.com/api/deno/): no types of it are needed to build. */
export interface DenoFile {
  seekSync(offset: number, whence: number): number;
  readSync(target: Uint8Array): number | null;
  close(): void;
}

interface DenoApi {
  readonly args: readonly string[];
  cwd(): string;
  readonly stdin: { isTerminal(): boolean; readonly readable: ReadableStream<Uint8Array> };
  readonly stdout: { isTerminal(): boolean; writeSync(bytes: Uint8Array): number; write(bytes: Uint8Array): Promise<number> };
  readonly stderr: { isTerminal(): boolean; writeSync(bytes: Uint8Array): number };
  readonly env: { get(name: string): string | undefined };
  readonly permissions: {
    querySync(what: { readonly name: "env"; readonly variable: string } | { readonly name: "read"; readonly path: string }): {
      readonly state: string;
    };
    requestSync(what: { readonly name: "net"; readonly host: string }): { readonly state: string };
  };
  readonly build: { readonly os: string };
  readonly SeekMode: { readonly Start: number };
  readonly errors: Readonly<Record<"NotFound" | "NotCapable" | "PermissionDenied" | "BrokenPipe", new () => Error>>;
  stat(
    path: string,
  ): Promise<{
    readonly isFile: boolean;
    readonly isDirectory: boolean;
    readonly size: number;
    readonly mtime: Date | null;
    readonly ino: number | null;
  }>;
  readDir(path: string): AsyncIterable<{ readonly name: string }>;
  open(path: string): Promise<DenoFile>;
  readFile(path: string | URL): Promise<Uint8Array<ArrayBuffer>>;
  readTextFileSync(path: string | URL): string;
  exit(code: number): never;
  addSignalListener(signal: string, handler: () => void): void;
  removeSignalListener(signal: string, handler: () => void): void;
}

/** The runtime's own object. */
export const deno = (globalThis as unknown as { readonly Deno: DenoApi }).Deno;
