import { relative } from "node:path";
import ts from "typescript";
import { root } from "./test-host.ts";

/**
 * The public types of entry points, as their built declarations have them: each exported name with its declaration, comments left out,
 * and after them what these name of the package's own without exporting it.
 * @param entries declaration files
 * @returns for each, the declarations by exported name, and by `(inside) name` for the others
 */
export function publicTypes(entries: readonly string[]): Map<string, ReadonlyMap<string, string>> {
  const program = ts.createProgram([...entries], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    types: ["node"],
  });
  const checker = program.getTypeChecker();
  const printer = ts.createPrinter({ removeComments: true });
  const isOwn = (file: ts.SourceFile): boolean =>
    !relative(root, file.fileName).startsWith("..") && !file.fileName.includes("/node_modules/");
  const target = (symbol: ts.Symbol): ts.Symbol => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
  const declarations = (symbol: ts.Symbol): ts.Declaration[] =>
    (symbol.declarations ?? []).filter((declaration) => isOwn(declaration.getSourceFile()));

  return new Map(
    entries.map((entry) => {
      const found = new Map<ts.Symbol, string>();
      const texts = new Map<string, string>();
      const add = (symbol: ts.Symbol, name: string): void => {
        if (found.has(symbol)) return;
        found.set(symbol, name);
        const nodes = declarations(symbol).map((declaration) =>
          ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration,
        );
        texts.set(
          name,
          nodes.map((node) => withoutPrivate(printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile()))).join("\n"),
        );
      };
      const module = checker.getSymbolAtLocation(program.getSourceFile(entry)!);
      const exported = checker
        .getExportsOfModule(module!)
        .map((symbol) => ({ name: symbol.name, symbol: target(symbol) }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      for (const { name, symbol } of exported) add(symbol, name);
      // Followed to the end: what is not exported is public, too, where a public type holds it.
      for (const symbol of found.keys()) {
        const visit = (node: ts.Node): void => {
          if (ts.isIdentifier(node)) {
            const named = checker.getSymbolAtLocation(node);
            const own = named === undefined ? undefined : target(named);
            if (
              own !== undefined &&
              own.flags & (ts.SymbolFlags.Type | ts.SymbolFlags.Variable) &&
              !(own.flags & ts.SymbolFlags.TypeParameter) &&
              declarations(own).some((d) => ts.isSourceFile(d.parent) || ts.isVariableDeclaration(d))
            )
              add(own, `(inside) ${own.name}`);
          }
          ts.forEachChild(node, visit);
        };
        for (const declaration of declarations(symbol)) visit(declaration);
      }
      return [entry, texts] as const;
    }),
  );
}

/** Private members are nobody's business. */
function withoutPrivate(text: string): string {
  return text
    .split("\n")
    .filter((line) => !/^\s+(#private;|private )/.test(line))
    .join("\n")
    .replace(/^export (declare )?/gm, "");
}
