/** Bytes from the start of a file that tell it. */
export const MAGIC_BYTES = 512;

/** What a file is that is not what was looked for, and what to do about it. */
interface Foreign {
  readonly is: (head: Uint8Array, text: string) => boolean;
  readonly message: string;
}

const FOLDER = "get the model's Hugging Face folder (config.json, model.safetensors, tokenizer.json)";

/**
 * Files that people have in place of a model's: by their first bytes. Sources: git-lfs docs/spec.md; ggml docs/gguf.md and the magics of
 * its older formats; onnx.proto (field 1, ir_version, then field 2, producer_name, or 7, graph); the signatures of zip, gzip, tar, HDF5
 * and TFLite; pickle protocols 2 to 5, as torch.save wrote them before PyTorch 1.6.
 */
const FOREIGN: readonly Foreign[] = [
  {
    is: (_, text) => /^version https:\/\/(git-lfs\.github\.com|hawser\.github\.com)\/spec\//.test(text),
    message: "is a Git LFS pointer, not the file itself: run `git lfs pull` in its folder, or download the file from the model's page",
  },
  {
    is: (_, text) => /^\s*(<!doctype|<html|<\?xml)/i.test(text),
    message: "is a web page, perhaps one that asks to log in or says that the file is gone: download it again",
  },
  {
    is: (_, text) => text.startsWith("GGUF"),
    message: "is a GGUF file: give its own path as the model; where files are read as streams, convert it first (blockffn convert)",
  },
  { is: (_, text) => /^(lmgg|fmgg|tjgg|algg)/.test(text), message: `is a GGML file of an old llama.cpp: ${FOLDER} instead` },
  {
    is: (head) => head[0] === 8 && (head[1] ?? 0) > 0 && (head[1] ?? 32) < 32 && (head[2] === 0x12 || head[2] === 0x3a),
    message: `is an ONNX model: ${FOLDER} that it was exported from`,
  },
  { is: (_, text) => text.startsWith("\x89HDF\r\n"), message: `is an HDF5 file, as Keras writes it: ${FOLDER} instead` },
  { is: (_, text) => text.startsWith("TFL3", 4), message: `is a TensorFlow Lite model: ${FOLDER} instead` },
  {
    is: (_, text) => text.startsWith("PK\x03\x04"),
    message: "is a zip archive, perhaps weights of PyTorch: a folder is needed that holds them as pytorch_model.bin, beside config.json",
  },
  {
    is: (head) => head[0] === 0x80 && (head[1] ?? 0) >= 2 && (head[1] ?? 6) <= 5,
    message: "is a Python pickle, as torch.save wrote weights before PyTorch 1.6: save it again with a current PyTorch, or as safetensors",
  },
  { is: (head) => head[0] === 0x1f && head[1] === 0x8b, message: "is compressed (gzip): unpack it first" },
  { is: (_, text) => text.startsWith("ustar", 257), message: "is a tar archive: unpack it first" },
];

/** What a file is, by its first bytes; undefined when they say nothing. */
export function foreignFile(head: Uint8Array): string | undefined {
  const text = String.fromCharCode(...head.subarray(0, MAGIC_BYTES));
  return FOREIGN.find(({ is }) => is(head, text))?.message;
}
