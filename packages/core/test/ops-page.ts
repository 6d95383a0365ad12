/** The page `docs/ops.md`: every op and function by family, and what the checks of this run covered. */
import { readdirSync, readFileSync } from "node:fs";
import * as core from "../src/index.ts";
import { type Checked, checkedOps, dtypes, type Op, registeredOps, Tensor } from "../src/index.ts";

const folder = new URL("../src/ops/", import.meta.url);

/** A file of ops: what it is about, and what it defines. */
export interface Family {
  name: string;
  title: string;
  ops: Op[];
  /** Public names. */
  functions: string[];
}

/** The families in alphabetical order, those without ops and public functions left out. */
export async function readFamilies(): Promise<Family[]> {
  const families = await Promise.all(readdirSync(folder).sort().map(readFamily));
  return families.filter(({ ops, functions }) => ops.length + functions.length > 0);
}

async function readFamily(file: string): Promise<Family> {
  const values: unknown[] = Object.values(await import(`../src/ops/${file}`));
  const ops = new Set(values.flatMap((value) => opOf(value) ?? []));
  const functions = Object.entries(core).filter(
    ([, value]) => typeof value === "function" && values.includes(value),
  );
  return {
    name: file.replace(".ts", ""),
    title: firstSentence(readFileSync(new URL(file, folder), "utf8")),
    ops: [...ops].sort(byName),
    functions: functions.map(([name]) => name).sort(),
  };
}

function opOf(value: unknown): Op | undefined {
  const { op } = (value ?? {}) as { op?: Op };
  return op !== undefined && registeredOps().has(op.name) ? op : undefined;
}

const byName = (a: Op, b: Op) => (a.name < b.name ? -1 : 1);

/** Of the comment that opens a source file. */
function firstSentence(source: string): string {
  const comment = /^\/\*\*(.*?)\*\//s
    .exec(source)![1]!
    .replace(/\s*\n \* ?/g, " ")
    .trim();
  return /^.*?[.:](?= |$)/.exec(comment)![0].replace(/:$/, ".");
}

/** The whole page, in Markdown. */
export function opsPage(families: readonly Family[]): string {
  const links = families.map(({ name }) => `[${name}](#${name})`).join(" · ");
  return `# Ops

The functions on tensors that \`core\` has, and the ops that they are made of. This page is written by the tests,
from what they ran: \`npm run docs:ops\`. A test fails when it is out of date.

Each family has a file in \`packages/core/src/ops\`. First come its public functions, with the in-place methods
that some have (\`exp_\`); those that are no ops themselves are composed of ops, which carry their gradients.
The tables have the ops, internal ones too, and what \`checkOp\` covered:

- **y**, **local gradients**: the formula, and ∂y by each input; where dY (or dQ, …) stands in it, the gradient
  itself. […] is 1 where the condition holds, else 0.
- **dtypes**: of the inputs that it was called with, indices and conditions included.
- **gradient**, **second order**: compared with central differences in float64; – where no input has a gradient.
- **no axes**, **empty**: calls with lone numbers only, and with an axis of size 0.

Every op gave the same values through transposed, stepped and flipped views.

${links}

${families.map(section).join("\n")}`;
}

function section({ name, title, ops, functions }: Family): string {
  const names = functions.map((f) => [f, `${f}_`].filter(isPublic).map(code).join("/"));
  const head = [`## ${name}`, title, ...(names.length > 0 ? [`${names.join(", ")}.`] : [])];
  if (ops.length === 0) return `${head.join("\n\n")}\n`;
  return `${head.join("\n\n")}

| op | y | local gradients | dtypes | gradient | second order | in place | no axes | empty |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${ops.map((op) => `| ${row(op, checkedOps().get(op.name)!).join(" | ")} |\n`).join("")}`;
}

const isPublic = (name: string) => name in core || name in Tensor.prototype;
export const code = (name: string) => `\`${name}\``;
const mark = (passed: boolean) => (passed ? "✓" : "");

function row(op: Op, passed: Checked): string[] {
  const { y, ...local } = op.tex;
  const hasGradient = op.rules.some((rule) => rule !== null);
  return [
    code(op.name),
    formula(y!),
    Object.entries(local)
      .map(([input, tex]) => `${input}: ${formula(tex)}`)
      .join("<br>"),
    dtypes.filter((dtype) => passed.dtypes.has(dtype)).join(", "),
    hasGradient ? mark(passed.gradcheck) : "–",
    hasGradient ? mark(passed.gradgradcheck) : "–",
    `${op.name}_` in Tensor.prototype ? code(`${op.name}_`) : "",
    mark(passed.loneNumbers),
    mark(passed.empty),
  ];
}

/** A bar would end the table's cell. */
export const formula = (tex: string) => `$\`${tex.replaceAll("|", "\\vert ")}\`$`;
