/** Ops written as formulas: `formula("x * sigmoid(b * x)")` is an op whose gradients are derived symbolically. */
export { FormulaError } from "./errors.ts";
export { type Formula, type FormulaOptions, formula } from "./formula.ts";
export { type FunctionDefinition, registerFunction } from "./register.ts";
