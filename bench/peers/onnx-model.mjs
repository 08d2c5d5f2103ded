// Builds an ONNX model: nodes, inputs, outputs and initializers; big initializers go to a second file ("external data").
import { bytes, float, int, ints, message } from "./protobuf.mjs";

/** TensorProto.DataType. */
export const TYPE = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7, f16: 10 };
/** The domain of ONNX Runtime's own operators. */
export const MICROSOFT = "com.microsoft";
const ALIGNMENT = 64;
const EXTERNAL = 1;

const attribute = (name, value) => {
  if (typeof value === "number")
    return [bytes(1, name), ...(Number.isInteger(value) ? [int(3, value), int(20, 2)] : [float(2, value), int(20, 1)])];
  return [bytes(1, name), float(2, value.float), int(20, 1)];
};

export class OnnxModel {
  #nodes = [];
  #initializers = [];
  #inputs = [];
  #outputs = [];
  #sink;
  #location;

  /** `sink` takes the external data; `location` is that file's name as the model refers to it. */
  constructor(sink, location) {
    this.#sink = sink;
    this.#location = location;
  }

  /**
   * Adds a node of `op` and returns its output's name (`outputs[0]`). A whole number in `attributes` is an integer
   * attribute; `{ float: 1 }` forces a float. An empty name is an absent input or output.
   */
  node(op, inputs, outputs, attributes = {}, domain = "") {
    this.#nodes.push(
      message(
        1,
        inputs.map((name) => bytes(1, name)),
        outputs.map((name) => bytes(2, name)),
        bytes(3, `/${outputs[0]}`),
        bytes(4, op),
        Object.entries(attributes).map(([name, value]) => message(5, ...attribute(name, value))),
        bytes(7, domain),
      ),
    );
    return outputs[0];
  }

  #value(name, type, dims) {
    const shape = dims.map((d) => message(1, typeof d === "number" ? int(1, d) : bytes(2, d)));
    return [bytes(1, name), message(2, message(1, int(1, type), message(2, ...shape)))];
  }

  /** Declares an input; a dimension is a number or a symbol. */
  input(name, type, dims) {
    this.#inputs.push(message(11, ...this.#value(name, type, dims)));
    return name;
  }

  output(name, type, dims) {
    this.#outputs.push(message(12, ...this.#value(name, type, dims)));
    return name;
  }

  /** An initializer inside the model file, from a typed array. */
  constant(name, type, dims, data) {
    const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.#initializers.push(message(5, ints(1, dims), int(2, type), bytes(8, name), bytes(9, raw)));
    return name;
  }

  /** An initializer in the external file: `write(sink)` appends its bytes. */
  external(name, type, dims, write) {
    this.#sink.pad(ALIGNMENT);
    const offset = this.#sink.position;
    write(this.#sink);
    const entries = { location: this.#location, offset, length: this.#sink.position - offset };
    this.#initializers.push(
      message(
        5,
        ints(1, dims),
        int(2, type),
        bytes(8, name),
        Object.entries(entries).map(([key, value]) => message(13, bytes(1, key), bytes(2, String(value)))),
        int(14, EXTERNAL),
      ),
    );
    return name;
  }

  /** The model file's bytes. */
  encode() {
    const opset = (domain, version) => message(8, bytes(1, domain), int(2, version));
    const graph = [...this.#nodes, bytes(2, "llama"), ...this.#initializers, ...this.#inputs, ...this.#outputs];
    return Buffer.concat([int(1, 10), bytes(2, "blockffn bench"), message(7, ...graph), opset("", 21), opset(MICROSOFT, 1)]);
  }
}
