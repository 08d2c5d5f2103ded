import { FormatError } from "../errors.ts";
import type { ModelConfig } from "../model/config.ts";
import type { ExpertsPart, MatrixPart, Part, VectorPart } from "../model/plan.ts";
import type { TensorSource } from "./tensors.ts";

/** Reads rows of one matrix of a part as f32 `[count, cols]`. */
export type RowReader = (first: number, count: number) => Promise<Float32Array>;

interface Need {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Finds the parts of a weight plan in a checkpoint with Hugging Face (MiniCPM/BlockFFN, Llama) tensor names. */
export class CheckpointWeights {
  readonly #config: ModelConfig;
  readonly #tensors: TensorSource;
  #cached: { name: string; data: Promise<Float32Array> } | undefined;

  constructor(config: ModelConfig, tensors: TensorSource) {
    this.#config = config;
    this.#tensors = tensors;
  }

  /** A vector part's values. @throws FormatError when the tensor is missing, misshapen or not finite. */
  async vector(part: VectorPart): Promise<Float32Array> {
    const [need] = this.#needs(part);
    return this.#read(need as Need, 0, part.length);
  }

  /** Rows of the i-th matrix of a part. */
  matrix(part: MatrixPart, i: number): RowReader {
    const { attention } = this.#config;
    const need = this.#needs(part)[0] as Need;
    if (part.name.endsWith("_absorb") && attention.kind === "mla") {
      const { nopeDim, valueDim, kvRank } = attention;
      const head = i * (nopeDim + valueDim);
      if (part.name.endsWith("v_absorb")) return (first, count) => this.#read(need, (head + nopeDim + first) * kvRank, count * kvRank);
      return async (first, count) => transposeColumns(await this.#whole(need), kvRank, head, nopeDim, first, count);
    }
    return (first, count) => this.#read(need, first * part.cols, count * part.cols);
  }

  /** Rows of expert e's up and down matrices. */
  expert(part: ExpertsPart, e: number): { up: RowReader; down: RowReader } {
    const { experts, size, hidden } = part;
    const [upNeed, downNeed] = this.#needs(part) as [Need, Need];
    const up: RowReader = (first, count) => this.#read(upNeed, (e * size + first) * hidden, count * hidden);
    if (downNeed.shape.length === 3) return { up, down: (first, count) => this.#read(downNeed, (e * hidden + first) * size, count * size) };
    const wide = experts * size;
    return { up, down: async (first, count) => sliceColumns(await this.#whole(downNeed), wide, e * size, size, first, count) };
  }

  /** The tensors that a part is made from. `block_linear` keeps experts in two-dimensional tensors, the rest in three-dimensional ones. */
  #needs(part: Part): Need[] {
    const { attention } = this.#config;
    if (part.kind === "vector") return [{ name: this.#vectorName(part), shape: [part.length] }];
    if (part.kind === "matrix") {
      if (part.name.endsWith("_absorb") && attention.kind === "mla") {
        return [{ name: `${layerPrefix(part)}self_attn.kv_b_proj.weight`, shape: [attention.heads * (attention.nopeDim + attention.valueDim), attention.kvRank] }];
      }
      return [{ name: this.#matrixName(part), shape: [part.rows, part.cols] }];
    }
    const { experts, size, hidden } = part;
    const [up, down] = this.#expertNames(part);
    if (this.#tensors.info(up)?.shape.length === 2) return [{ name: up, shape: [experts * size, hidden] }, { name: down, shape: [hidden, experts * size] }];
    return [{ name: up, shape: [experts, size, hidden] }, { name: down, shape: [experts, hidden, size] }];
  }

  #vectorName(part: VectorPart): string {
    const layer = layerPrefix(part);
    if (part.name === "final_norm") return "model.norm.weight";
    const names: Record<string, string> = {
      attn_norm: "input_layernorm.weight",
      ffn_norm: "post_attention_layernorm.weight",
      "attn.q_norm": "self_attn.q_a_layernorm.weight",
      "attn.kv_norm": "self_attn.kv_a_layernorm.weight",
      router_norm: "mlp.router_norm.weight",
    };
    return layer + (names[layerPart(part)] ?? part.name);
  }

  #matrixName(part: MatrixPart): string {
    if (part.name === "embed") return "model.embed_tokens.weight";
    if (part.name === "head") return "lm_head.weight";
    const { ffn } = this.#config;
    const router = ffn.kind === "experts" && ffn.router === "block" ? "router_proj" : "router";
    const names: Record<string, string> = {
      "attn.q": "self_attn.q_proj",
      "attn.k": "self_attn.k_proj",
      "attn.v": "self_attn.v_proj",
      "attn.o": "self_attn.o_proj",
      "attn.q_down": "self_attn.q_a_proj",
      "attn.q_up": "self_attn.q_b_proj",
      "attn.kv_down": "self_attn.kv_a_proj_with_mqa",
      "ffn.gate": "mlp.gate_proj",
      "ffn.up": "mlp.up_proj",
      "ffn.down": "mlp.down_proj",
      "shared.gate": "mlp.shared_experts.gate_proj",
      "shared.up": "mlp.shared_experts.up_proj",
      "shared.down": "mlp.shared_experts.down_proj",
      router: `mlp.${router}`,
    };
    return `${layerPrefix(part)}${names[layerPart(part)] ?? part.name}.weight`;
  }

  #expertNames(part: ExpertsPart): [up: string, down: string] {
    const layer = layerPrefix(part);
    const { ffn } = this.#config;
    if (ffn.kind === "experts" && ffn.router === "block") return [`${layer}mlp.up_proj`, `${layer}mlp.down_proj`];
    return [`${layer}mlp.experts.up_proj.weight`, `${layer}mlp.experts.down_proj.weight`];
  }

  async #read(need: Need, start: number, count: number): Promise<Float32Array> {
    this.#check(need.name, need.shape);
    const data = await this.#tensors.readF32(need.name, start, count);
    if (!allFinite(data)) throw new FormatError("holds NaN or infinite weights", { file: this.#tensors.name, field: need.name });
    return data;
  }

  /** A whole tensor, kept until another one is asked for: consecutive experts and heads slice the same one. */
  #whole(need: Need): Promise<Float32Array> {
    if (this.#cached?.name !== need.name) {
      this.#cached = { name: need.name, data: this.#read(need, 0, need.shape.reduce((a, b) => a * b, 1)) };
    }
    return this.#cached.data;
  }

  #check(name: string, shape: readonly number[]): void {
    const info = this.#tensors.info(name);
    const file = this.#tensors.name;
    if (info === undefined) throw new FormatError("this tensor is missing; config.json says that the model has it", { file, field: name });
    if (info.shape.length !== shape.length || info.shape.some((n, i) => n !== shape[i])) {
      throw new FormatError(`shape [${info.shape.join(", ")}] does not fit config.json, which asks for [${shape.join(", ")}]`, { file, field: name });
    }
  }
}

function layerPrefix(part: Part): string {
  const match = /^layers\.(\d+)\./.exec(part.name);
  return match === null ? "" : `model.layers.${match[1]}.`;
}

function layerPart(part: Part): string {
  return part.name.replace(/^layers\.\d+\./, "");
}

function allFinite(data: Float32Array): boolean {
  let sum = 0;
  // x - x is 0 for finite x, NaN otherwise.
  for (let i = 0; i < data.length; i++) sum += (data[i] as number) - (data[i] as number);
  return sum === 0;
}

/** Rows first.. of the transpose of rows top..top+height-1 of a `[*, width]` matrix: `[count, height]`. */
function transposeColumns(data: Float32Array, width: number, top: number, height: number, first: number, count: number): Float32Array {
  const out = new Float32Array(count * height);
  for (let r = 0; r < count; r++) for (let c = 0; c < height; c++) out[r * height + c] = data[(top + c) * width + first + r] as number;
  return out;
}

/** Columns left..left+width-1 of rows first.. of a `[*, stride]` matrix: `[count, width]`. */
function sliceColumns(data: Float32Array, stride: number, left: number, width: number, first: number, count: number): Float32Array {
  const out = new Float32Array(count * width);
  for (let r = 0; r < count; r++) {
    const at = (first + r) * stride + left;
    out.set(data.subarray(at, at + width), r * width);
  }
  return out;
}
