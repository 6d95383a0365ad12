/**
 * Elementary functions on SIMD vectors: four float32 or two float64 lanes at a time. A lane's
 * result depends on that lane alone. Everything is built from IEEE operations without fused
 * multiply-add, so the bits are the same on every engine.
 *
 * Each function reduces its argument to a short interval and evaluates a minimax polynomial there
 * (Remez exchange in 160-bit arithmetic; "error" below is the approximation's, relative to the
 * function, before rounding). Measured over all exponents against 200-bit references, in units in
 * the last place:
 *
 *            exp    log    tanh   sigmoid  sin    cos    pow
 *   float32  1.01   0.87   1.61   1.93     0.51   0.51   0.51
 *   float64  0.80   0.90   1.50   1.90     0.80   0.80   0.60
 *
 * exp, log, tanh and sigmoid of float32 are inlined into the caller's loop, where their constants
 * stay in registers; the others are long enough for a call not to matter.
 */
export { expF32, expF64, sigmoidF32, sigmoidF64, tanhF32, tanhF64 } from "./exp";
export { logF32, logF64 } from "./log";
export { powF32, powF64 } from "./pow";
export { cosF32, cosF64, sinF32, sinF64 } from "./trig";
