// Agreement: published examples, scikit-learn's kappa, and what must hold for any labels.
import assert from "node:assert/strict";
import { test } from "node:test";
import { adjudicate, cohenKappa, fleissKappa, krippendorffAlpha } from "tunelab/text";
import { Random } from "tunelab/tensor";
import { close, userError } from "../support/compare";
import { readJson } from "../support/fixtures";

const repeat = <T>(...parts: [T, number][]) => parts.flatMap(([x, n]) => Array.from({ length: n }, () => x));
/** Rows of digits, one an annotator, * or . where there is no label → items × annotators. */
const items = (...rows: string[]) => Array.from(rows[0].replaceAll(" ", ""), (_, i) => rows.map((r) => { const c = r.replaceAll(" ", "")[i]; return /\d/.test(c) ? Number(c) : null; }));

test("Cohen: the grant example (20 yes/yes, 5, 10, 15 no/no) is 0.4; scikit-learn's numbers, plain and weighted", () => {
  close([cohenKappa(repeat(["y", 25], ["n", 25]), repeat(["y", 20], ["n", 5], ["y", 10], ["n", 15]))], [0.4], 1e-12);
  for (const c of readJson("text", "agreement.json").cases)
    close([cohenKappa(c.a, c.b), cohenKappa(c.a, c.b, { weights: "linear" }), cohenKappa(c.a, c.b, { weights: "quadratic" })], [c.plain, c.linear, c.quadratic], 1e-12);
});
test("Fleiss 1971: 14 raters, 10 subjects, 5 categories: 0.210", () => {
  const counts = [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1], [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]];
  close([fleissKappa(counts.map((row) => row.flatMap((n, c) => repeat<string>([`c${c}`, n]))))], [0.2099], 5e-5);
});
test("Krippendorff: three coders, 15 units: 0.691 nominal, 0.811 interval", () => {
  const data = items("*****3412113 3*3", "*121334 3*******", "**213 44*211 33*4");
  close([krippendorffAlpha(data), krippendorffAlpha(data, { metric: "interval" })], [0.691, 0.811], 5e-4);
});
test("Krippendorff 2011: four observers, 12 units: 0.743 nominal, 0.815 ordinal, 0.849 interval", () => {
  const data = items("123321412...", "1233224125.3", ".33323422 51.", "12332441 251.");
  close((["nominal", "ordinal", "interval"] as const).map((metric) => krippendorffAlpha(data, { metric })), [0.743, 0.815, 0.849], 5e-4);
});
test("Krippendorff 2011, binary data of two observers: one common 1, four disagreements, five common 0: 1 − 19·4 / (14·6) = 0.095", () => {
  close([krippendorffAlpha(items("0100000000", "1111010000"))], [1 - (19 * 4) / (14 * 6)], 1e-12);
});
test("full agreement is 1, chance is about 0, opposition is below", () => {
  const random = new Random(1, "raters"), draw = () => Array.from({ length: 3000 }, () => random.integer(4)), a = draw(), b = draw();
  for (const [x, y, value, within] of [[a, a, 1, 0], [a, b, 0, 0.05], [a, a.map((v) => (v + 1) % 4), -1 / 3, 0.01]] as const) {
    const rows = x.map((v, i) => [v, y[i]]);
    close([cohenKappa(x, y), fleissKappa(rows), krippendorffAlpha(rows)], [value, value, value], within);
  }
  assert.equal(cohenKappa(["x", "x"], ["x", "x"]), 1);
});
test("missing labels: left out where that is right, refused where it is not", () => {
  assert.equal(cohenKappa([1, 2, null, 1], [1, 2, 2, undefined]), 1);
  const full = items("1232", "1222"), more = items("12323*", "1222*1");
  assert.equal(krippendorffAlpha(more), krippendorffAlpha(full));
  assert.throws(() => fleissKappa([[1, 1], [1, null]]), userError("item 1 has 1", "krippendorffAlpha"));
  assert.throws(() => krippendorffAlpha([[1, null]]), userError("no item has two labels"));
  assert.throws(() => krippendorffAlpha([["a", "b"]], { metric: "ordinal" }), userError('"a"', "nominal"));
  assert.throws(() => cohenKappa([1], [1, 2]), userError("1 against 2"));
});
test("adjudication: agreed, majority, decided, open", () => {
  const rows = [["a", "a", null], ["a", "b", "a"], ["a", "b"], [null, null], ["a", "a", "b", "b"]];
  assert.deepEqual(adjudicate(rows, (i, votes) => (i === 2 ? votes[1].label : undefined)).map(({ label, how }) => [label, how]), [["a", "agreed"], ["a", "majority"], ["b", "adjudicated"], [undefined, "open"], [undefined, "open"]]);
  assert.deepEqual(adjudicate(rows)[1].votes, [{ label: "a", count: 2 }, { label: "b", count: 1 }]);
});
