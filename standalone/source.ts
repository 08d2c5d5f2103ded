/** A file that can be read in ranges: of the command's folder, in memory, or of the component's host. */
export abstract class Source {
  constructor(
    public name: string,
    public size: u64,
  ) {}

  /** Fills `target` with the bytes from `offset` on. Fails, with false, when they cannot be read. */
  abstract read(offset: u64, target: usize, length: u32): bool;
}
