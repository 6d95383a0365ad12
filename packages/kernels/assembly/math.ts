/**
 * Elementary functions on SIMD vectors: four float32 or two float64 lanes at a time. A lane's
 * result depends on that lane alone. Everything is built from IEEE operations without fused
 * multiply-add, so the bits are the same on every engine.
 *
 * Each function reduces its argument to a short interval and evaluates a minimax polynomial there
 * (Remez exchange in 160-bit arithmetic; "error" in its comment is the approximation's, relative to
 * the function, before rounding). Largest errors seen, in units in the last place, over hundreds of
 * thousands of arguments per function for float32 and 20,000 for float64, where the reference had
 * 200 bits and more:
 *
 *            exp    log    tanh   sigmoid  sin    cos    pow
 *   float32  0.74   0.82   1.89   1.66     0.51   0.51   0.51
 *   float64  0.66   0.73   1.80   1.54     0.73   0.75   0.70
 *
 * exp, log, tanh and sigmoid of float32 are inlined into the caller's loop; the others are long
 * enough for a call not to matter. Constants lie in static memory (see arithmetic.ts): the module
 * needs the first page of its memory for itself.
 */
export { expF32, expF64, sigmoidF32, sigmoidF64, tanhF32, tanhF64 } from "./exp";
export { logF32, logF64 } from "./log";
export { powF32, powF64 } from "./pow";
export { cosF32, cosF64, sinF32, sinF64 } from "./trig";
