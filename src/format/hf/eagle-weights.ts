import type { ModelConfig } from "../../architecture/config.ts";
import type { MatrixPart, Part, VectorPart, WeightPlan } from "../../architecture/plan.ts";
import { checkTensors, tensorsOf, type ExpectedTensor } from "./tensors.ts";
import { packMatrix, packVector, type WeightSink } from "../packed/pack.ts";
import type { TensorSource } from "../tensors.ts";
import { readFinite, sliceColumns, type RowReader } from "./weights.ts";

const BIAS = "fc.bias";

/** The tensor of an EAGLE checkpoint that a part of its plan is made from: names of the official code (`fc`, `layers.0. ...`). */
function tensorOf(config: ModelConfig, part: Part): ExpectedTensor {
  const hidden = config.hiddenSize;
  switch (part.name) {
    case "fc_embed":
    case "fc_hidden": return { name: "fc.weight", shapes: [[hidden, 2 * hidden]] };
    case "fc_bias": return { name: BIAS, shapes: [[hidden]] };
    case "embed_norm": return { name: "input_norm1.weight", shapes: [[hidden]] };
    case "hidden_norm": return { name: "input_norm2.weight", shapes: [[hidden]] };
  }
  const { name, shapes } = tensorsOf(config, part)[0] as ExpectedTensor;
  return { name: name.replace(/^model\./, ""), shapes };
}

/**
 * Checks that an EAGLE checkpoint has every tensor of the plan (fc.bias may be missing), in its shape and as floats.
 * @throws ConfigError naming the configuration's file and the tensor.
 */
export function checkEagleTensors(config: ModelConfig, plan: WeightPlan, tensors: TensorSource, file: string): void {
  const expected = plan.parts.map((part) => tensorOf(config, part));
  checkTensors(expected.filter(({ name }) => name !== BIAS || tensors.info(BIAS) !== undefined), tensors, file);
}

/** Packs every part of an EAGLE head's plan. @throws FormatError for weights that are not finite. */
export async function packEagle(config: ModelConfig, plan: WeightPlan, tensors: TensorSource, sink: WeightSink): Promise<void> {
  for (const part of plan.parts) {
    if (part.kind === "vector") await sink(part.offset, packVector(part, await readVector(config, part, tensors)));
    else if (part.kind === "matrix") await packMatrix(part.type, matrixRows(config, part, tensors), part.rows, part.cols, part.offset, sink);
  }
}

async function readVector(config: ModelConfig, part: VectorPart, tensors: TensorSource): Promise<Float32Array> {
  const { name } = tensorOf(config, part);
  if (name === BIAS && tensors.info(BIAS) === undefined) return new Float32Array(part.length);
  return readFinite(tensors, name, 0, part.length);
}

function matrixRows(config: ModelConfig, part: MatrixPart, tensors: TensorSource): RowReader {
  const { name } = tensorOf(config, part);
  const { cols } = part;
  if (name !== "fc.weight") return (first, count) => readFinite(tensors, name, first * cols, count * cols);
  // Left half: embedding; right half: hidden state.
  const left = part.name === "fc_embed" ? 0 : cols;
  return async (first, count) => sliceColumns(await readFinite(tensors, name, first * 2 * cols, count * 2 * cols), 2 * cols, left, cols, 0, count);
}
