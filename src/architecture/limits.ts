/** Largest sizes that a configuration may ask for. */
export const CONFIG_LIMITS = {
  hiddenSize: 65_536,
  layers: 512,
  heads: 1024,
  headDim: 4096,
  /** Heads times their size; MLA ranks. */
  attentionWidth: 2 ** 18,
  vocabSize: 2 ** 20,
  contextLength: 2 ** 20,
  experts: 4096,
  /** Intermediate size, and experts times their size. */
  ffnSize: 2 ** 20,
  eosTokens: 64,
  scale: 1e6,
  ropeTheta: 1e12,
} as const;
