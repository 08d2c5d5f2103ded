// The declarations of core/ name number types that only its sources know (core/ambient.d.ts): users get what they are.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("../dist/core", import.meta.url));
const TYPES = { i32: "number", i64: "number", f64: "number", bool: "boolean" };

for (const file of readdirSync(root, { recursive: true })) {
  if (!file.endsWith(".d.ts")) continue;
  const path = join(root, file);
  let text = readFileSync(path, "utf8");
  const places = [];
  const visit = (node) => {
    if (ts.isTypeReferenceNode(node) && TYPES[node.typeName.getText()] !== undefined) places.push(node);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true));
  for (const node of places.reverse()) text = text.slice(0, node.getStart()) + TYPES[node.typeName.getText()] + text.slice(node.end);
  writeFileSync(path, text);
}
