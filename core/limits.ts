/** Largest sizes that a configuration may ask for. */
export class Limits {
  static readonly hiddenSize: i32 = 65_536;
  static readonly layers: i32 = 512;
  static readonly heads: i32 = 1024;
  static readonly headDim: i32 = 4096;
  /** Heads times their size; MLA ranks. */
  static readonly attentionWidth: i32 = 262_144;
  static readonly vocabSize: i32 = 1_048_576;
  static readonly contextLength: i32 = 1_048_576;
  static readonly experts: i32 = 4096;
  /** Intermediate size, and experts times their size. */
  static readonly ffnSize: i32 = 1_048_576;
  static readonly eosTokens: i32 = 64;
  static readonly scale: f64 = 1e6;
  static readonly ropeTheta: f64 = 1e12;
  /** Of a norm. */
  static readonly epsilon: f64 = 1;
}
