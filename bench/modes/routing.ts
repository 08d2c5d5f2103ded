import { UsageError } from "../../src/errors.ts";
import type { Random } from "../../src/decode/sampling/rng.ts";

/** Sparsity that a routing model shall have; shares from 0 to 1. */
export interface RoutingTargets {
  /** Token-level sparsity: mean share of inactive experts. */
  readonly tls: number;
  /** Share of a token's experts that the next token uses too. */
  readonly reuse: number;
  /** Share of experts that no token of `length` neighbours (or nodes of a draft tree) activates. */
  readonly chunk: { readonly length: number; readonly sparsity: number };
}

/**
 * A model of which experts tokens activate. Each expert e of a layer is a two-state Markov chain along the tokens, independent
 * of the others: active with stationary probability p_e, and of memory m, so that
 *   P(on | on) = p_e + m (1 - p_e),   P(on | off) = p_e (1 - m).
 * Popularity is logit-logistic: p_e = 1 / (1 + exp(-(a + s ln(u / (1 - u))))) at the N mid-quantiles u.
 */
export interface RoutingModel {
  /** p_e, ascending. */
  readonly popularity: readonly number[];
  /** m: 0 for tokens that know nothing of each other, near 1 for experts that hardly change. */
  readonly memory: number;
}

const STEPS = 80;
/** Spread beyond which experts are always on or always off. */
const MAX_SPREAD = 12;

/**
 * The routing model of `experts` experts with these sparsities: the mean of p_e gives TLS, m the reuse ratio, the spread of p_e
 * the chunk sparsity (the same tokens' sparsity over a chunk grows when some experts are popular and others rare).
 * @throws UsageError when no such model exists: the numbers contradict each other.
 */
export function fitRouting(experts: number, targets: RoutingTargets): RoutingModel {
  const { tls, reuse, chunk } = targets;
  const at = (spread: number): RoutingModel => {
    const popularity = popularities(experts, 1 - tls, spread);
    // reuse = E[p r] / E[p] with r = P(on | on), solved for the memory.
    const independent = popularity.reduce((sum, p) => sum + p * p, 0) / popularity.reduce((sum, p) => sum + p, 0);
    return { popularity, memory: (reuse - independent) / (1 - independent) };
  };
  let low = 0;
  let high = MAX_SPREAD;
  for (let i = 0; i < STEPS; i++) {
    const middle = (low + high) / 2;
    const model = at(middle);
    if (model.memory >= 0 && expectedChunkSparsity(model, chunk.length) < chunk.sparsity) low = middle;
    else high = middle;
  }
  const model = at((low + high) / 2);
  const miss = Math.abs(expectedChunkSparsity(model, chunk.length) - chunk.sparsity);
  if (!(miss < 1e-4 && model.memory >= 0 && model.memory < 1)) {
    throw new UsageError(
      `no routing has token sparsity ${tls}, reuse ${reuse} and sparsity ${chunk.sparsity} over ${chunk.length} tokens`,
      { field: "routing" },
    );
  }
  return model;
}

/**
 * Expected share of experts that are off for all of n tokens: mean of (1 - p) P(off | off)^(n - 1). In a draft tree whose
 * children each take one step from their parent it is the same, whatever the tree's shape.
 */
export function expectedChunkSparsity({ popularity, memory }: RoutingModel, n: number): number {
  return popularity.reduce((sum, p) => sum + (1 - p) * (1 - p * (1 - memory)) ** (n - 1), 0) / popularity.length;
}

function popularities(experts: number, mean: number, spread: number): number[] {
  const quantiles = Array.from({ length: experts }, (_, i) => Math.log((i + 0.5) / (experts - i - 0.5)));
  const at = (shift: number): number[] => quantiles.map((z) => 1 / (1 + Math.exp(-(shift + spread * z))));
  let low = -200;
  let high = 200;
  for (let i = 0; i < STEPS; i++) {
    const middle = (low + high) / 2;
    if (at(middle).reduce((sum, p) => sum + p, 0) / experts < mean) low = middle;
    else high = middle;
  }
  return at((low + high) / 2);
}

/** Active experts of one token in all layers: one byte an expert, `[layers][experts]`. */
type State = Uint8Array;

/**
 * Walks a routing model over a sequence and over the draft trees that grow on it. Every layer has its own chains, with the
 * popularities in an order of its own. A tree node steps from its parent's state, so siblings are two draws from one state.
 */
export class RoutingTrace {
  readonly layers: number;
  readonly experts: number;
  /** u32 words of a token's experts in one layer. */
  readonly words: number;
  readonly #random: Random;
  /** `[layers][experts]`: P(on | on) and P(on | off). */
  readonly #stay: Float64Array;
  readonly #turn: Float64Array;
  #state: State;
  #nodes: State[] = [];

  constructor(model: RoutingModel, layers: number, random: Random) {
    const { popularity, memory } = model;
    this.layers = layers;
    this.experts = popularity.length;
    this.words = Math.ceil(this.experts / 32);
    this.#random = random;
    const size = layers * this.experts;
    this.#stay = new Float64Array(size);
    this.#turn = new Float64Array(size);
    this.#state = new Uint8Array(size);
    for (let layer = 0; layer < layers; layer++) {
      shuffled(popularity, random).forEach((p, e) => {
        const i = layer * this.experts + e;
        this.#stay[i] = p + memory * (1 - p);
        this.#turn[i] = p * (1 - memory);
        this.#state[i] = random.float() < p ? 1 : 0;
      });
    }
  }

  /**
   * Routes the nodes of a tree on the last kept token: node 0 steps from it, the others from their parents.
   * @param parents -1 for the root, then for each node an earlier one
   * @returns active experts `[layers][nodes][words]`, bit j of word w for expert 32 w + j.
   */
  draw(parents: readonly number[]): Uint32Array {
    const n = parents.length;
    const masks = new Uint32Array(this.layers * n * this.words);
    this.#nodes = [];
    parents.forEach((parent, node) => {
      const state = this.#step(parent < 0 ? this.#state : (this.#nodes[parent] as State));
      this.#nodes.push(state);
      for (let i = 0; i < state.length; i++) {
        if (state[i] === 0) continue;
        const layer = Math.floor(i / this.experts);
        const e = i % this.experts;
        masks[(layer * n + node) * this.words + (e >> 5)]! |= 1 << (e & 31);
      }
    });
    return masks;
  }

  /** The sequence goes on after this node of the last tree. */
  keep(node: number): void {
    const state = this.#nodes[node];
    if (state === undefined) throw new UsageError(`the last tree has ${this.#nodes.length} nodes, not node ${node}`, { field: "node" });
    this.#state = state;
  }

  #step(from: State): State {
    const to = new Uint8Array(from.length);
    for (let i = 0; i < from.length; i++) {
      const p = (from[i] === 1 ? this.#stay[i] : this.#turn[i]) as number;
      to[i] = this.#random.float() < p ? 1 : 0;
    }
    return to;
  }
}

/** Fisher and Yates. */
function shuffled(values: readonly number[], random: Random): number[] {
  const out = [...values];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random.float() * (i + 1));
    [out[i], out[j]] = [out[j] as number, out[i] as number];
  }
  return out;
}
