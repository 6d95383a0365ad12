import { Tensor } from "@tapegrad/core";
import { materialize } from "@tapegrad/kernels";

/** What an op gave, with its elements computed where they were deferred: that belongs to the op's time. */
export function computed(result) {
  const outputs = result instanceof Tensor ? [result] : Object.values(result ?? {});
  for (const { storage } of outputs.filter((y) => y instanceof Tensor))
    if (storage !== null) materialize(storage);
  return result;
}
