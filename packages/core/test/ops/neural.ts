/** Tests of the neural primitives and the losses. */
import { attentionTests } from "./attention.ts";
import { convTests } from "./conv.ts";
import { floatTypeTests } from "./float-types.ts";
import { lossTests } from "./losses.ts";
import { normalizeTests } from "./normalize.ts";
import { poolTests } from "./pool.ts";
import { resampleTests } from "./resample.ts";

export function neuralTests(): void {
  convTests();
  poolTests();
  normalizeTests();
  attentionTests();
  lossTests();
  resampleTests();
  floatTypeTests();
}
