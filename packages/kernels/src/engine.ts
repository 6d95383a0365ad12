/** Which kernels run: WebAssembly where its SIMD works, the plain twin elsewhere. */
import type { Kernels } from "./interface.ts";
import { theArena } from "./memory.ts";
import { moduleBytes } from "./module.ts";
import { plain } from "./plain.ts";
import { startWasm } from "./wasm.ts";

/** "exact": the same bits on any engine and any number of threads. "fast": fused multiply-adds in products. */
export type Numerics = "exact" | "fast";

let wasm: Kernels | null = null;
/** What replaces kernels of the main module. */
let replacements: Uint8Array<ArrayBuffer>[] = [];

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
    wasm = startWasm(arena, replacements);
  }
  return wasm;
}

/** The fastest kernels that work here, started on first use. */
export function defaultKernels(): Kernels {
  return theArena() === null ? plain : wasmKernels();
}

/** What {@link setNumerics} chose. */
export function numerics(): Numerics {
  return replacements.length === 0 ? "exact" : "fast";
}

/**
 * Chooses how matrix products, and what is made of them, are summed, before anything is computed. "fast" takes
 * relaxed SIMD: x·y + z rounded once, where the processor does so. That is quicker and no less accurate, but
 * bits then depend on the processor and the engine. The kernels for it are loaded by this call.
 *
 * @throws RangeError for another word; Error after the first operation, or where the engine lacks relaxed SIMD
 */
export async function setNumerics(wanted: Numerics): Promise<void> {
  if (wanted !== "exact" && wanted !== "fast") {
    throw new RangeError(`setNumerics: got ${JSON.stringify(wanted)}; it takes "exact" or "fast".`);
  }
  if (wanted === numerics()) return;
  const next: typeof replacements = [];
  if (wanted === "fast") {
    next.push(moduleBytes((await import("./generated/fast.ts")).wasmText));
    if (theArena() === null || !next.every((bytes) => WebAssembly.validate(bytes))) {
      throw new Error(
        'setNumerics("fast"): this JavaScript engine has no relaxed SIMD. Node 20 has it behind a flag, ' +
          "node --experimental-wasm-relaxed-simd; Node 22, Chrome 114 and later have it as they are.",
      );
    }
  }
  if (wasm !== null) {
    throw new Error(
      `setNumerics("${wanted}"): kernels are at work already; call it before the first operation.`,
    );
  }
  replacements = next;
}
