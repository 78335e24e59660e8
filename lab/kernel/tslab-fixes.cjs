// Loaded before tslab (node --require): mends two defects of tslab 1.0.22 while its source is read.
//
// 1. `{ model }` in a cell fails with "model is not defined" when `model` comes from an earlier cell: tslab replaces names of
//    earlier cells by `exports.name`, but overlooks shorthand properties, which must become `model: exports.model`.
// 2. "Unexpected pending rebuildTimer" ends the kernel when a package is installed or the library compiled meanwhile: TypeScript
//    keeps two timers, one for changed files and one for new ones, and tslab has room for one.
const { readFileSync } = require("node:fs");
const Module = require("node:module");

const SHORTHAND = "            if (!ts.isIdentifier(node)) {\n                return ts.visitEachChild(node, wrapPrevIdentifier";
const SHORTHAND_FIX = `            if (ts.isShorthandPropertyAssignment(node)) {
                const value = checker.getShorthandAssignmentValueSymbol(ts.getOriginalNode(node));
                if (!value || !(value.declarations || []).some((d) => d.getSourceFile() === declsFile)) return node;
                const name = node.name.text;
                return ts.factory.createPropertyAssignment(name, ts.factory.createPropertyAccessExpression(ts.factory.createIdentifier("exports"), name));
            }
`;
const TIMERS = /    sys\.setTimeout = \(callback\) => \{[\s\S]*?(?=    sys\.readFile = )/;
const TIMERS_FIX = `    const timers = new Set(); // all of them run before the next cell, the oldest first; some set others
    sys.setTimeout = (callback) => {
        const timer = { callback };
        timers.add(timer);
        rebuildTimer = { callback: () => { for (const t of timers) { timers.delete(t); t.callback(); } rebuildTimer = null; } };
        return timer;
    };
    sys.clearTimeout = (timer) => {
        timers.delete(timer);
        if (!timers.size) rebuildTimer = null;
    };
`;

const load = Module._extensions[".js"];
Module._extensions[".js"] = function (module, file) {
  if (!/[\\/]tslab[\\/]dist[\\/]converter\.js$/.test(file)) return load(module, file);
  Module._extensions[".js"] = load;
  const source = readFileSync(file, "utf8");
  module._compile(source.replace(SHORTHAND, () => SHORTHAND_FIX + SHORTHAND).replace(TIMERS, () => TIMERS_FIX), file);
};
