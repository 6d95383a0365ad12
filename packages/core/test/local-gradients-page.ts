/** The page `docs/local-gradients.md`: what the ops' definitions say of their gradients, kinks and ties. */
import * as core from "../src/index.ts";
import { grad, type Op, type Tensor, tensor } from "../src/index.ts";
import { code, type Family, formula } from "./ops-page.ts";

/** Inputs that have a rule. */
export const differentiableInputs = (op: Op): string[] =>
  op.inputs.filter((_, i) => op.rules[i] !== null);

/** The whole page, in Markdown. */
export function localGradientsPage(families: readonly Family[]): string {
  const shown = families.filter(({ ops }) => ops.some((op) => differentiableInputs(op).length > 0));
  const links = shown.map(({ name }) => `[${name}](#${name})`).join(" · ");
  return `# Local gradients of every op

What each op's definition says of its own gradient; from these the chain rule makes every other one. Functions that
are not here are composed of ops, and have no rule of their own. This page is written by the tests, from the
definitions: \`npm run docs:ops\`. A test fails when it is out of date, or when an op doesn't say its gradient.

- The local gradient by an input is ∂y by that input; where $\`dY\`$ (or $\`dQ\`$, …) stands in it, what reaches the
  input when $\`dY\`$ arrives at the output. […] is 1 where the condition holds, else 0.
- **Kinks and ties**: what the rule gives where the formula has no derivative, or has several. As PyTorch's
  (which leaves open which of equal elements \`kthvalue\` names; here it is the one that \`sort\` puts there).
- Every rule is made of ops, so that these formulas differentiate again; \`checkOp\` has compared first and second
  derivatives with central differences ([ops.md](ops.md)).

${links}

${shown.map(section).join("\n")}
## Kinks of composed functions

Functions that are composed of ops inherit what the ops do. What they give where it could be asked, as computed:

| function | at x | gradient |
| --- | --- | --- |
${composed.map((row) => `| ${kinkRow(row).join(" | ")} |\n`).join("")}`;
}

function section({ name, title, ops }: Family): string {
  const rows = ops.filter((op) => differentiableInputs(op).length > 0).map(row);
  const flat = ops.filter((op) => differentiableInputs(op).length === 0).map((op) => code(op.name));
  const rest = flat.length > 0 ? `\nWithout a gradient: ${flat.join(", ")}.\n` : "";
  return `## ${name}

${title}

| op | y | local gradients | kinks and ties |
| --- | --- | --- | --- |
${rows.map((cells) => `| ${cells.join(" | ")} |\n`).join("")}${rest}`;
}

function row(op: Op): string[] {
  const gradients = op.inputs.map((input, i) =>
    op.rules[i] === null ? `${input}: none` : `${input}: ${formula(op.tex[input]!)}`,
  );
  return [code(op.name), formula(op.tex.y!), gradients.join("<br>"), op.kinks];
}

type Kink = [call: string, f: (x: Tensor) => Tensor, at: number[]];

const row2 = (f: (x: Tensor) => Tensor) => (x: Tensor) => f(x.reshape([1, 1, -1]));

/** Each is evaluated at `at`, and Σ of it differentiated. */
const composed: Kink[] = [
  ["max(x), min(x)", (x) => core.max(x), [2, 1, 2]],
  ["max(x, axis).values", (x) => core.max(x, 0).values, [2, 1, 2]],
  ["median(x)", (x) => core.median(x), [2, 2, 2, 5]],
  ["median(x, axis).values", (x) => core.median(x, 0).values, [2, 2, 2, 5]],
  ["kthvalue(x, 2).values", (x) => core.kthvalue(x, 2).values, [2, 2, 2]],
  ["sort(x).values[0]", (x) => core.sort(x).values.narrow(0, 0, 1), [2, 1, 1]],
  ["topk(x, 1).values", (x) => core.topk(x, 1).values, [1, 2, 2]],
  ["cummax(x, 0).values[2]", (x) => core.cummax(x, 0).values.narrow(0, 2, 1), [2, 1, 2]],
  ["maxPool1d(x, 3)", row2((x) => core.maxPool1d(x, 3)), [2, 1, 2]],
  ["clamp(x, −1, 1)", (x) => core.clamp(x, -1, 1), [-1, 1]],
  ["relu6(x)", core.relu6, [0, 6]],
  ["hardtanh(x)", (x) => core.hardtanh(x), [-1, 1]],
  ["hardsigmoid(x)", core.hardsigmoid, [-3, 3]],
  ["hardswish(x)", core.hardswish, [-3, 3]],
  ["hardshrink(x)", (x) => core.hardshrink(x), [-0.5, 0.5]],
  ["softshrink(x)", (x) => core.softshrink(x), [-0.5, 0.5]],
  ["leakyRelu(x)", (x) => core.leakyRelu(x), [0]],
  ["elu(x)", (x) => core.elu(x), [0]],
  ["celu(x)", (x) => core.celu(x), [0]],
  ["selu(x)", core.selu, [0]],
  ["threshold(x, 1, 0)", (x) => core.threshold(x, 1, 0), [1]],
  ["norm(x)", (x) => core.norm(x), [0, 0]],
  ["norm(x, 1)", (x) => core.norm(x, 1), [0, 1]],
  ["norm(x, Infinity)", (x) => core.norm(x, Infinity), [2, -2]],
  ["std(x)", (x) => core.std(x), [1, 1]],
  ["frac(x)", core.frac, [1]],
  ["sinc(x)", core.sinc, [0]],
  ["xlogy(x, 2)", (x) => core.xlogy(x, 2), [0]],
  ["x ** 0.5", (x) => core.pow(x, 0.5), [0]],
  ["x ** 0", (x) => core.pow(x, 0), [0]],
  ["l1Loss(x, 0)", (x) => core.l1Loss(x, x.detach().mul(0), { reduction: "sum" }), [0]],
  [
    "smoothL1Loss(x, 0)",
    (x) => core.smoothL1Loss(x, x.detach().mul(0), { reduction: "sum" }),
    [-1, 1],
  ],
];

function kinkRow([call, f, at]: Kink): string[] {
  const x = tensor(at, { dtype: "float64", requiresGrad: true });
  const [dx] = grad(f(x).sum(), [x]);
  const list = [...dx!.data()].map(shown).join(", ");
  return [code(call), at.map(shown).join(", "), list];
}

/** With few digits, and typographic signs. */
const shown = (value: number): string =>
  String(Number(value.toPrecision(4)))
    .replace("-", "−")
    .replace("Infinity", "∞");
