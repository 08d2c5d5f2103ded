import * as v from "valibot";
import { Limits } from "../../core/limits.ts";
import { DecoSchema, oneOf, orDefault, positive, size } from "../../src/format/hf/schema.ts";

export const ROUTERS = ["dense", "topk", "deepseek", "grin", "remoe", "blockffn", "blockffn-no-norm", "deco"] as const;
export type RouterName = (typeof ROUTERS)[number];

const MAX_STEPS = 100_000_000;
const share = v.pipe(v.number("must be a number"), v.minValue(0, "must be at least 0"), v.maxValue(1, "must be at most 1"));
const below1 = v.pipe(v.number("must be a number"), v.minValue(0, "must be at least 0"), v.ltValue(1, "must be below 1"));
const factor = v.pipe(v.number("must be a number"), v.finite("must be finite"), v.minValue(0, "must be at least 0"));
const path = v.pipe(v.string("must be a path"), v.nonEmpty("must be a path"));
const count = (min: number, max = MAX_STEPS) => size(max, min);

/** An object in which unknown keys are refused: a misspelt one would silently mean a default. */
const object = <const T extends v.ObjectEntries>(entries: T) =>
  v.strictObject(entries, (issue) =>
    issue.expected === "never" ? `is not a setting; there are ${Object.keys(entries).join(", ")}` : "must be an object",
  );
const section = <const T extends v.ObjectEntries>(entries: T) => v.optional(object(entries), {} as never);

/** A factor that follows its loss; see FactorSchedule. */
const Adaptive = object({
  stable: orDefault(count(2), 1000),
  step: orDefault(count(1), 100),
  warmup: orDefault(count(0), 0),
  maxFactor: orDefault(positive(1e6), 4),
  minFactor: orDefault(positive(1e6), 1.025),
});

/**
 * DECO: the factor grows by `multiplier` after each step with a larger share of active experts and shrinks after the others, not below
 * `weight`.
 */
const SparsityTarget = object({
  share: orDefault(v.pipe(share, v.gtValue(0, "must be above 0")), 0.2),
  multiplier: orDefault(v.pipe(positive(10), v.gtValue(1, "must be above 1")), 1.001),
  /** The first factor, where a run goes on from another's. */
  resume: v.optional(positive(1e6)),
});

const published = DecoSchema.entries;

/** What goes with router deco, by the names of its published configuration; the defaults are DECO's. */
export const DecoSettingsSchema = object({
  /** 0 dense, 1 experts, for each layer, or a number: every how-many-th layer has experts. Default: the first is dense. */
  moe_layer_freq: v.optional(published.moe_layer_freq.wrapped),
  /** Width of dense layers. Default: as many weights as a layer with experts. */
  ffn_hidden_size: v.optional(size(Limits.ffnSize)),
  /** Default: two experts wide; null or 0: none. */
  moe_shared_expert_intermediate_size: published.moe_shared_expert_intermediate_size,
  router_act_func: published.router_act_func,
  router_norm_type: published.router_norm_type,
  /** Where learned scales start, or the constant of a fixed one. */
  router_norm_init_var: published.router_norm_init_var,
  router_norm_fixed: published.router_norm_fixed,
  router_norm_scalar: published.router_norm_scalar,
  expert_act_func: published.expert_act_func,
  expert_not_gated: published.expert_not_gated,
  moe_router_enable_expert_bias: published.moe_router_enable_expert_bias,
  moe_expert_bias_apply_method: published.moe_expert_bias_apply_method,
  /** How far a step moves the bias of each expert. */
  moe_router_bias_update_rate: orDefault(positive(1), 1e-3),
  /** Standard deviation of the first weights without muP. */
  init_method_std: orDefault(positive(10), 0.01),
  /** muP: embeddingScale, depthScale, baseWidth and initStd are used as with the other routers; DECO has none. */
  use_mup: published.use_mup,
});
export type DecoSettings = v.InferOutput<typeof DecoSettingsSchema>;

export const ModelSchema = object({
  router: orDefault(oneOf(ROUTERS), "blockffn"),
  hidden: size(Limits.hiddenSize),
  layers: size(Limits.layers),
  heads: size(Limits.heads),
  kvHeads: v.optional(size(Limits.heads)),
  experts: orDefault(size(Limits.experts, 2), 48),
  expertSize: orDefault(size(Limits.ffnSize), 32),
  /** Experts a token uses (topk, deepseek: shared ones included, grin), or should use (remoe). */
  topK: v.optional(size(Limits.experts)),
  sharedExperts: v.optional(size(Limits.experts)),
  deco: v.optional(DecoSettingsSchema),
  context: orDefault(size(Limits.contextLength, 2), 1024),
  tied: v.optional(v.boolean("must be true or false"), true),
  rmsEps: orDefault(positive(1), 1e-5),
  ropeTheta: orDefault(positive(Limits.ropeTheta), 10_000),
  /** muP: the width that the learning rate and initialisation are meant for. */
  baseWidth: orDefault(size(Limits.hiddenSize), 256),
  embeddingScale: orDefault(positive(Limits.scale), 12),
  depthScale: orDefault(positive(Limits.scale), 1.4),
  initStd: orDefault(positive(10), 0.1),
});

export const ObjectivesSchema = section({
  locality: v.optional(object({ weight: factor, steepness: orDefault(positive(1e6), 100) })),
  chunk: v.optional(object({ weight: factor, length: orDefault(size(4096, 2), 64), adaptive: v.optional(Adaptive) })),
  l1: v.optional(object({ weight: factor, adaptive: v.optional(Adaptive) })),
  entropy: v.optional(object({ weight: factor, adaptive: v.optional(Adaptive), target: v.optional(SparsityTarget) })),
  /** `toTarget`: measured against topK experts a token, not against as many as there are. */
  balance: v.optional(object({ weight: factor, toTarget: v.optional(v.boolean("must be true or false")) })),
  /** ReMoE: the weight grows by `multiplier` after each step with too many active experts and shrinks after the others. */
  balancedL1: v.optional(object({ weight: orDefault(positive(1), 1e-8), multiplier: orDefault(positive(10), 1.2) })),
});

export const TrainConfigSchema = object({
  out: path,
  data: object({
    train: v.pipe(v.array(path, "must be a list of paths"), v.nonEmpty("must name at least one text")),
    valid: v.optional(path),
    tokenizer: path,
  }),
  model: ModelSchema,
  objectives: ObjectivesSchema,
  optimizer: section({
    learningRate: orDefault(positive(10), 0.01),
    beta1: orDefault(below1, 0.9),
    beta2: orDefault(below1, 0.95),
    epsilon: orDefault(positive(1), 1e-8),
    weightDecay: orDefault(factor, 0.1),
    clip: orDefault(positive(1e6), 1),
  }),
  schedule: object({
    steps: count(1),
    warmup: orDefault(count(0), 0),
    decay: orDefault(count(0), 0),
    finalRatio: orDefault(share, 0.1),
    decayShape: v.optional(oneOf(["linear", "exponential"])),
  }),
  batch: object({
    /** Rows of a step, and of one pass: gradients of passes are averaged. */
    rows: count(1, 65_536),
    rowsPerPass: v.optional(count(1, 65_536)),
    length: size(65_536, 8),
  }),
  checkpointEvery: orDefault(count(1), 100),
  validateEvery: v.optional(count(1)),
  validDocuments: orDefault(count(1), 50),
  workers: orDefault(size(64), 1),
  seed: orDefault(v.pipe(v.number("must be a number"), v.safeInteger("must be a whole number"), v.minValue(0, "must be at least 0")), 1),
});
export type TrainConfig = v.InferOutput<typeof TrainConfigSchema>;
export type AdaptiveConfig = v.InferOutput<typeof Adaptive>;
