/** Trying something out on a model without leaving a trace. */
import { clone, noGrad, type Tensor } from "@tapegrad/core";
import type { AnyModule } from "@tapegrad/nn";
import type { OptimizerState } from "@tapegrad/optim";
import { generatorsOf, setStates, statesOf } from "./generators.ts";
import type { Updates } from "./options.ts";

/**
 * Notes a model's parameters, gradients, buffers, modes and generators (the shared one, too), and the
 * optimizer's state.
 *
 * @returns puts all of it back, to the bit
 */
export function remember(model: AnyModule, optimizer?: Updates): () => void {
  const own = [...model.parameters(), ...model.buffers()];
  const values = own.map((x) => clone(x.detach()));
  const grads = own.map((x) => x.grad);
  const gradValues = grads.map((g) => (g === null ? null : clone(g.detach())));
  const modes = model.modules().map((module) => ({ module, training: module.training }));
  const generators = generatorsOf(model, []);
  const states = statesOf(generators);
  const optimizerState = optimizer?.stateDict === undefined ? null : kept(optimizer.stateDict());
  return () => {
    noGrad(() => {
      own.forEach((x, i) => {
        x.copy_(values[i]);
        const g = grads[i];
        if (g !== null) g.copy_(gradValues[i]!);
        x.grad = g;
      });
    });
    for (const { module, training } of modes) module.training = training;
    setStates(generators, states);
    if (optimizerState !== null) optimizer!.loadStateDict!(optimizerState);
  };
}

/** A state that no longer shares storage with the optimizer's. */
function kept(state: OptimizerState): OptimizerState {
  return {
    ...state,
    state: state.state.map((one) =>
      one === null
        ? null
        : Object.fromEntries(
            Object.entries(one).map(([name, value]) => [
              name,
              typeof value === "number" ? value : clone(value as Tensor),
            ]),
          ),
    ),
  };
}
