// What AssemblyScript's runtime has and its own declarations leave out.
declare function __pin(pointer: usize): usize;
declare function __unpin(pointer: usize): void;
