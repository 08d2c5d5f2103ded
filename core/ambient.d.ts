// The number types of AssemblyScript, for tsc alone: asc knows them and never sees this file. In JavaScript all are numbers, so an i32
// must stay within 32 bits and be whole by what is computed, not by its type (core/RATIONALE.md).
type i32 = number;
type i64 = number;
type f64 = number;
type bool = boolean;
