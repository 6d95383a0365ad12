/** What of mathjs is used: its parser and its nodes, which print themselves. Nothing that evaluates. */
import { create, type MathNode, parseDependencies } from "mathjs/number";

const {
  parse,
  ConditionalNode,
  ConstantNode,
  FunctionNode,
  OperatorNode,
  ParenthesisNode,
  SymbolNode,
} = /* @__PURE__ */ create({ parseDependencies });

export type { MathNode };
export { ConditionalNode, ConstantNode, FunctionNode, OperatorNode, ParenthesisNode, SymbolNode };

/** The syntax tree of a text that `scan` has passed. */
export function parseTree(text: string): MathNode {
  return parse(text);
}
