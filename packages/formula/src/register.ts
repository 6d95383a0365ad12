/** Functions that users add to the table. */
import {
  Form,
  formatShape,
  noGrad,
  type OpFunction,
  ShapeError,
  Tensor,
  type TensorLike,
  tensor,
  ValueError,
} from "@tapegrad/core";
import type { Operand } from "@tapegrad/kernels";
import { Expressions } from "./expression.ts";
import { type Formula, formula } from "./formula.ts";
import { defineAbbreviation, definePrimitive } from "./functions.ts";
import { build, constantOf, isFreeName, read } from "./parse.ts";

type Callable = (...inputs: TensorLike[]) => Tensor;

/** What {@link registerFunction} registers. */
export interface FunctionDefinition {
  /**
   * What computes it: a formula (its text will do), or an op of `defineOp` that works element by element.
   */
  value: string | Formula | OpFunction<never[], Tensor>;
  /** Its inputs in order. Default: those of the formula or op; needed beside a text. */
  inputs?: readonly string[];
  /**
   * ∂y/∂input of every input, as formulas in the inputs and in y, the value; null for "flat". Needed for
   * an op; a formula is derived where it is left out.
   */
  derivatives?: Readonly<Record<string, string | null>>;
}

/**
 * Adds a function that formulas may call from now on.
 *
 * ```ts
 * registerFunction("cube", { inputs: ["x"], value: "x^3" });
 * registerFunction("gate", { value: gate, derivatives: { x: "y * (1 - y)" } });
 * ```
 *
 * @throws ValueError if the name is taken or a derivative is missing, FormulaError for a text that is no formula
 */
export function registerFunction(name: string, definition: FunctionDefinition): void {
  if (!isFreeName(name) || constantOf(new Expressions(), name) !== undefined) {
    throw new ValueError(
      `registerFunction: ${JSON.stringify(name)} can't name a function; choose a word of letters, digits and _ that is none yet.`,
    );
  }
  const { value, derivatives } = definition;
  const inputs = inputsOf(name, definition);
  const text = typeof value === "string" ? value : "gradient" in value ? String(value) : null;
  if (text !== null) check(text, inputs);
  if (derivatives === undefined) {
    if (text === null) throw missing(name, inputs[0]!);
    defineAbbreviation({ name, parameters: inputs, defaults: [], formula: text });
    return;
  }
  const rules = inputs.map((input) => {
    const rule = derivatives[input];
    if (rule === undefined) throw missing(name, input);
    if (rule !== null) check(rule, [...inputs, "y"]);
    return rule;
  });
  const stray = Object.keys(derivatives).find((input) => !inputs.includes(input));
  if (stray !== undefined) {
    throw new ValueError(
      `registerFunction: ${name} has a derivative for ${stray}, which is none of its inputs ${inputs.join(", ")}.`,
    );
  }
  const f = (typeof value === "string" ? formula(value, { inputs }) : value) as unknown as Callable;
  definePrimitive({
    name,
    parameters: inputs,
    derivatives: rules,
    costly: true,
    scalar:
      (_, dtype) =>
      (...numbers) =>
        noGrad(() => f(...numbers.map((x) => tensor(x, { dtype })))).item(),
    array: (kernels, args, out) => {
      const y = noGrad(() => f(...args.map(asTensor)));
      const fits = y instanceof Tensor && y.rank <= out.shape.length && y.dtype === out.dtype;
      if (!fits || y.shape.some((size, i) => size !== out.shape.at(i - y.rank))) {
        const got = y instanceof Tensor ? `${y.dtype} ${formatShape(y.shape)}` : typeof y;
        throw new ShapeError(
          `${name}: it returned ${got} where ${out.dtype} ${formatShape(out.shape)} was due; a function in a formula works element by element.`,
        );
      }
      kernels.copy(y, out);
    },
  });
}

function inputsOf(
  name: string,
  { value, inputs, derivatives }: FunctionDefinition,
): readonly string[] {
  const own =
    typeof value === "string" ? undefined : "inputs" in value ? value.inputs : value.op?.inputs;
  const given = inputs ?? own ?? (derivatives && Object.keys(derivatives));
  if (given === undefined || given.length === 0) {
    throw new ValueError(
      `registerFunction: ${name} has no inputs; name them with { inputs: ["x"] }.`,
    );
  }
  const bad = given.find((input) => !isFreeName(input) || input === "y" || input === "dy");
  if (bad !== undefined) {
    throw new ValueError(
      `registerFunction: ${name} can't have an input called ${JSON.stringify(bad)}; choose a word that is no function, and neither y, the value, nor dy.`,
    );
  }
  return given;
}

function missing(name: string, input: string): ValueError {
  return new ValueError(
    `registerFunction: ${name} has no derivative for ${input}; give a formula, or null for "flat".`,
  );
}

/** @throws FormulaError, with a caret, unless the text is a formula in these names */
function check(text: string, names: readonly string[]): void {
  const e = new Expressions();
  const resolve = (name: string) => (names.includes(name) ? e.input(name) : constantOf(e, name));
  build(read(text), { e, resolve, internal: false });
}

function asTensor({ storage, value, dtype, shape, strides, offset }: Operand): Tensor {
  return new Tensor(storage, value, new Form(dtype, shape, strides, offset));
}
