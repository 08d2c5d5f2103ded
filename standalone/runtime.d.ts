// What AssemblyScript's runtime has and its own declarations leave out.
declare function __pin(pointer: usize): usize;
declare function __unpin(pointer: usize): void;
/** Frees objects that neither globals nor pinned ones lead to: to be called where no function under way holds another. */
declare function __collect(): void;
