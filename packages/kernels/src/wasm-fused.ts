/** Calls of the fused kernels: what layers and losses compute in one or two passes. */
import type { Call } from "./call.ts";
import type { DType, Kernels, Operand } from "./interface.ts";
import { type Kernel, type KernelModule, unsupported } from "./module.ts";

// How many moves of an element the kernels take, measured roughly: it only says when threads pay.
const MOMENTS = 3;
const NORMALIZE = 2;
const NORMALIZE_GRAD = 6;

type Fused = "moments" | "normalize" | "normalizeGrad";

export class FusedKernels implements Pick<Kernels, Fused> {
  readonly call: Call;
  readonly module: KernelModule;

  constructor(call: Call, module: KernelModule) {
    this.call = call;
    this.module = module;
  }

  moments(...[x, { a, b, c }, options, out]: Parameters<Kernels["moments"]>): void {
    const { call } = this;
    const kernel = this.kernel("moments", "moments", x.dtype);
    call.begin();
    const addresses = this.addresses([x, out.mean, out.variance, out.rstd]);
    const { centered, eps } = options;
    call.run(kernel, b, MOMENTS * a * b * c, ...addresses, a, b, c, Number(centered), eps);
    call.endAll();
  }

  normalize(...[x, slices, by, out]: Parameters<Kernels["normalize"]>): void {
    const { call } = this;
    const kernel = this.kernel("normalize", "normalize", x.dtype);
    const { a, b, c, channels, inner } = slices;
    const size = a * b * c;
    if (size === 0) return;
    call.begin();
    const addresses = this.addresses([x, by.mean, by.rstd, by.weight, by.bias, out]);
    const rows = c === 1 ? a : a * b;
    call.run(kernel, rows, NORMALIZE * size, ...addresses, b, c, channels, inner);
    call.end(out.storage);
  }

  normalizeGrad(...[dy, x, slices, by, out]: Parameters<Kernels["normalizeGrad"]>): void {
    const { call } = this;
    const kernel = this.kernel("normalizeGrad", "normalizeGrad", x.dtype);
    const { a, b, c, channels, inner, centers, stretches } = slices;
    const size = a * b * c;
    if (size === 0) return;
    call.begin();
    const addresses = this.addresses([dy, x, by.mean, by.rstd, by.weight, out]);
    // biome-ignore format: the range, then the kernel's arguments
    call.run(
      kernel, b, NORMALIZE_GRAD * size,
      ...addresses, a, b, c, channels, inner, Number(centers), Number(stretches),
    );
    call.end(out.storage);
  }

  /** Where the operands are; 0 for none. */
  private addresses(operands: readonly (Operand | null)[]): number[] {
    return operands.map((x) => (x === null ? 0 : this.call.address(x)));
  }

  protected kernel(where: string, name: string, dtype: DType): Kernel {
    const kernel = this.module.byType[dtype][name];
    if (kernel === undefined) throw unsupported(this.module, where, name, dtype);
    return kernel;
  }
}
