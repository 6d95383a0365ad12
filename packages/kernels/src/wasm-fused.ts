/** Calls of the fused kernels: what layers and losses compute in one or two passes. */
import type { Call } from "./call.ts";
import {
  type AttentionInputs,
  type AttentionScores,
  type DType,
  type Kernels,
  type Operand,
  relaid,
  type UpdateName,
} from "./interface.ts";
import { PRODUCT_WORK } from "./matmul.ts";
import { type Kernel, type KernelModule, unsupported } from "./module.ts";
import { MOST_OPERANDS, SMALL_BYTES } from "./scratch.ts";
import { bytesPerElement } from "./storage.ts";
import { product } from "./wasm-conv.ts";

// How many moves of an element the kernels take, measured roughly: it only says when threads pay.
const MOMENTS = 3;
const NORMALIZE = 2;
const NORMALIZE_GRAD = 6;
const SOFTMAX = 8;
const RANDOM = 8;

/** Which kernel does an update, and the place of each array among its five; by default the name, and in order. */
const updates: Partial<Record<UpdateName, { kernel: string; places: readonly number[] }>> = {
  amsgrad: { kernel: "adam", places: [0, 1, 2, 3, 4] },
  rmspropCentered: { kernel: "rmsprop", places: [0, 1, 2, 3] },
  rmspropMomentum: { kernel: "rmsprop", places: [0, 1, 2, 4] },
  rmspropCenteredMomentum: { kernel: "rmsprop", places: [0, 1, 2, 3, 4] },
};
const UPDATE_ARRAYS = 5;
const HYPERS = 8;
/** Elements of an entry of an update's table: a unit of work, some 50 µs. */
const UPDATE_PIECE = 16384;
/** Entries of a call, for which the place of arguments has room. */
const MOST_ENTRIES = 128;

/** What a unit of attention is: all of a matrix, a block of its queries, or of its keys. */
const WHOLE = 0;
const BY_QUERIES = 1;
const BY_KEYS = 2;
const MATRICES_PER_THREAD = 4;

/** Queries and keys of a block, and bytes of a tile; assembly/attention.ts has the same. */
const ATTENTION_BLOCK = 40;
const TILE_BYTES = 192;

type Fused =
  | ("moments" | "normalize" | "normalizeGrad" | "attention" | "attentionGrad")
  | ("softmaxGrad" | "crossEntropy" | "crossEntropyGrad" | "dropout" | "update");

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
  }

  attention(...[inputs, how, out, logSum]: Parameters<Kernels["attention"]>): void {
    const kernel = this.kernel("attention", "attention", out.dtype);
    this.attend(kernel, inputs, how, BY_QUERIES, [out, logSum], []);
  }

  attentionGrad(...[inputs, how, saved, out]: Parameters<Kernels["attentionGrad"]>): void {
    const { dy, logSum, delta } = saved;
    const kernel = this.kernel("attentionGrad", "attentionGrad", dy.dtype);
    const run = (cut: number, { query, key, value }: typeof out) =>
      this.attend(kernel, inputs, how, cut, [query, key, value, logSum, dy, delta], [cut]);
    const { query, ...others } = out;
    const matrices = product(inputs.query.shape.slice(0, -2));
    const crew = this.call.crew.size();
    // Computing scores once is less work; few matrices would leave threads without any.
    if (crew === 1 || matrices >= MATRICES_PER_THREAD * crew) {
      run(WHOLE, out);
    } else {
      if (query) run(BY_QUERIES, { query });
      if (others.key || others.value) run(BY_KEYS, others);
    }
  }

  softmaxGrad(...[name, y, axis, dy, out]: Parameters<Kernels["softmaxGrad"]>): void {
    const kernel = this.kernel("softmaxGrad", `${name}Grad`, y.dtype);
    this.alongRows(kernel, [y, dy, out], axis, []);
  }

  crossEntropy(...[x, axis, classes, out]: Parameters<Kernels["crossEntropy"]>): void {
    const kernel = this.kernel("crossEntropy", "crossEntropy", x.dtype);
    this.alongRows(kernel, [x], axis, [classes, out.loss, out.top, out.logSum]);
  }

  crossEntropyGrad(...[x, axis, rows, out]: Parameters<Kernels["crossEntropyGrad"]>): void {
    const kernel = this.kernel("crossEntropyGrad", "crossEntropyGrad", x.dtype);
    this.alongRows(kernel, [x, out], axis, [rows.classes, rows.dy, rows.top, rows.logSum]);
  }

  dropout(...[x, out, key, counter, keep, scale]: Parameters<Kernels["dropout"]>): number {
    const { call } = this;
    const kernel = this.kernel("dropout", "dropout", x.dtype);
    call.begin();
    const count = call.plan(out.shape, out, null, null, null);
    if (count > 0) {
      const high = Math.floor(counter / 2 ** 32);
      const addresses = this.addresses([x, out]);
      call.run(kernel, count, RANDOM * count, ...addresses, ...key, counter | 0, high, keep, scale);
    }
    return Math.ceil((count * bytesPerElement[x.dtype]) / 16);
  }

  update(...[name, lists, hyper]: Parameters<Kernels["update"]>): void {
    const { call } = this;
    const { kernel: called, places } = updates[name] ?? { kernel: name, places: [0, 1, 2, 3, 4] };
    const hypers = new Float64Array(HYPERS);
    hypers.set(hyper);
    const header = new Int32Array(hypers.buffer);
    let table: number[] = [];
    let [work, inNursery] = [0, 0];
    const run = (kernel: Kernel) => {
      if (table.length === 0) return;
      call.words([...header, ...table]);
      call.launch(kernel, table.length / (1 + UPDATE_ARRAYS), work);
      call.begin();
      [table, work, inNursery] = [[], 0, 0];
    };
    call.begin();
    for (const list of lists) {
      const kernel = this.kernel("update", called, list[0].dtype);
      const bytes = bytesPerElement[list[0].dtype];
      const count = list[0].shape.reduce((product, size) => product * size, 1);
      const small = list.filter((x) => (x.storage?.length ?? 0) * bytes <= SMALL_BYTES).length;
      if (inNursery + small > MOST_OPERANDS) run(kernel);
      inNursery += small;
      let addresses = this.addresses(list);
      for (let start = 0; start < count; start += UPDATE_PIECE) {
        if (table.length === MOST_ENTRIES * (1 + UPDATE_ARRAYS)) {
          run(kernel);
          addresses = this.addresses(list);
        }
        const entry = [Math.min(UPDATE_PIECE, count - start), 0, 0, 0, 0, 0];
        addresses.forEach((address, k) => {
          entry[1 + places[k]] = address + start * bytes;
        });
        table.push(...entry);
        work += list.length * entry[0];
      }
    }
    if (lists.length > 0) run(this.kernel("update", called, lists[0][0].dtype));
  }

  /** Over the rows along `axis` of equally shaped operands; the kernel finds `others`, one element a row, by address. */
  private alongRows(
    kernel: Kernel,
    operands: readonly Operand[],
    axis: number,
    others: readonly Operand[],
  ): void {
    const { call } = this;
    const n = operands[0].shape[axis];
    const [a, b = null, c = null] = operands;
    call.begin();
    const rows = call.plan(a.shape, a, b, c, null, axis);
    if (rows === 0) return;
    call.header(n, call.axes);
    this.addresses(others).forEach((address, i) => {
      call.own(i, address);
    });
    operands.forEach((x, k) => {
      const bytes = bytesPerElement[x.dtype];
      call.operand(k, operands.length, call.address(x), bytes, x.strides[axis], 0);
    });
    call.launch(kernel, rows, SOFTMAX * rows * n);
  }

  /** `cut` says what units are. */
  private attend(
    kernel: Kernel,
    { query, key, value, mask }: AttentionInputs,
    { scale, causal }: AttentionScores,
    cut: number,
    others: readonly (Operand | undefined)[],
    options: readonly number[],
  ): void {
    const { call } = this;
    const bytes = bytesPerElement[query.dtype];
    const [queries, size] = query.shape.slice(-2);
    const [keys, width] = value.shape.slice(-2);
    call.begin();
    const operands = [query, key, value, mask ?? query];
    const [q, k, v, m] = operands.map(outermost);
    const batches = call.plan(q.shape, q, k, v, m);
    const block = ATTENTION_BLOCK;
    const blocks = cut === WHOLE ? 1 : Math.ceil((cut === BY_QUERIES ? queries : keys) / block);
    const units = batches * blocks;
    if (units === 0) return;
    call.header(queries, call.axes);
    [keys, size, width, Number(mask !== null) + 2 * Number(causal)].forEach((number, i) => {
      call.own(i, number);
    });
    operands.forEach((x, i) => {
      call.operand(i, 4, call.address(x), bytes, x.strides[x.strides.length - 2], 0);
    });
    const widest = Math.ceil(Math.max(size, width) / block) * block;
    const scratch = TILE_BYTES + bytes * block * (2 * block + 2 + 3 * widest);
    const work = PRODUCT_WORK * batches * queries * keys * (size + width);
    const addresses = this.addresses(others);
    call.launchWithScratch(kernel, units, work, scratch, ...options, ...addresses, scale);
  }

  /** Where the operands are; 0 for none. */
  private addresses(operands: readonly (Operand | null | undefined)[]): number[] {
    return operands.map((x) => (x ? this.call.address(x) : 0));
  }

  protected kernel(where: string, name: string, dtype: DType): Kernel {
    const kernel = this.module.byType[dtype][name];
    if (kernel === undefined) throw unsupported(this.module, where, name, dtype);
    return kernel;
  }
}

/** The axes before a matrix. */
export function outermost(x: Operand): Operand {
  return relaid(x, x.shape.slice(0, -2), x.strides.slice(0, -2));
}
