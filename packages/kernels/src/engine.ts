/** Which kernels run: WebAssembly where its SIMD works, the plain twin elsewhere. */
import type { Kernels } from "./interface.ts";
import { theArena } from "./memory.ts";
import { plain } from "./plain.ts";
import { startWasm } from "./wasm.ts";

let wasm: Kernels | null = null;

/** The naive twin; see plain.ts. */
export function plainKernels(): Kernels {
  return plain;
}

/**
 * The WebAssembly kernels, compiled on first use.
 *
 * @throws Error where WebAssembly SIMD is missing
 */
export function wasmKernels(): Kernels {
  if (wasm === null) {
    const arena = theArena();
    if (arena === null) {
      throw new Error(
        "wasmKernels: this JavaScript engine has no WebAssembly SIMD; plainKernels() works everywhere.",
      );
    }
    wasm = startWasm(arena);
  }
  return wasm;
}

/** The fastest kernels that work here, started on first use. */
export function defaultKernels(): Kernels {
  return theArena() === null ? plain : wasmKernels();
}
