/** Tests of the neural primitives and the losses. */
import { convTests } from "./conv.ts";
import { normalizeTests } from "./normalize.ts";
import { poolTests } from "./pool.ts";

export function neuralTests(): void {
  convTests();
  poolTests();
  normalizeTests();
}
