/** Memory of what a step makes on its way goes back at once. */
import type { Tensor } from "@tapegrad/core";

// The symbol that `using` looks for; engines without explicit resource management lack it.
const dispose = (Symbol as { dispose?: symbol }).dispose ?? Symbol.for("Symbol.dispose");

/** Returns the memory of tensors that nobody uses any more. */
export function drop(...tensors: readonly Tensor[]): void {
  for (const x of tensors) (x as unknown as Record<symbol, () => void>)[dispose]!();
}
