// Loaded before tslab (node --require): mends one defect of tslab 1.0.22 while its source is read.
//
// `{ model }` in a cell fails with "model is not defined" when `model` comes from an earlier cell: tslab replaces names of
// earlier cells by `exports.name`, but overlooks shorthand properties, which must become `model: exports.model`.
const { readFileSync } = require("node:fs");
const Module = require("node:module");

const BEFORE = "            if (!ts.isIdentifier(node)) {\n                return ts.visitEachChild(node, wrapPrevIdentifier";
const FIX = `            if (ts.isShorthandPropertyAssignment(node)) {
                const value = checker.getShorthandAssignmentValueSymbol(ts.getOriginalNode(node));
                if (!value || !(value.declarations || []).some((d) => d.getSourceFile() === declsFile)) return node;
                const name = node.name.text;
                return ts.factory.createPropertyAssignment(name, ts.factory.createPropertyAccessExpression(ts.factory.createIdentifier("exports"), name));
            }
`;

const load = Module._extensions[".js"];
Module._extensions[".js"] = function (module, file) {
  if (!/[\\/]tslab[\\/]dist[\\/]converter\.js$/.test(file)) return load(module, file);
  Module._extensions[".js"] = load;
  const source = readFileSync(file, "utf8");
  module._compile(source.includes(BEFORE) ? source.replace(BEFORE, () => FIX + BEFORE) : source, file);
};
