/** The WebAssembly backend: each entry plans its call, hands addresses over and runs one export. */
import type { Arena } from "./arena.ts";
import { Call } from "./call.ts";
import {
  type ArgReduceName,
  type ArgScanName,
  type BinaryName,
  type Boxes,
  type CompareName,
  type ConvGeometry,
  type DType,
  type Kernels,
  type Operand,
  type RandomName,
  type ReduceName,
  relaid,
  type ScanName,
  type ScatterName,
  type UnaryName,
} from "./interface.ts";
import {
  BLOCK_ROWS,
  type GemmExports,
  gemm,
  gemmScratchBytes,
  isFewVectors,
  PRODUCT_WORK,
  packsA,
  readsInPlace,
  runsAtOnce,
} from "./matmul.ts";
import { adopt, alloc, readOnce, release } from "./memory.ts";
import { type Kernel, loadModule, suffixOf, unsupported } from "./module.ts";
import { firstOutside, plain } from "./plain.ts";
import { bytesPerElement } from "./storage.ts";
import { openCrew } from "./threads.ts";
import { type ConvName, convolve, product } from "./wasm-conv.ts";
import { FusedKernels, outermost } from "./wasm-fused.ts";
import { reduce } from "./wasm-reduce.ts";

/** Below this length along either axis, transposing in blocks gains nothing. */
const SHORTEST_TRANSPOSED = 4;
/** From here on a stride costs more than straightening: it leaves the page after a few elements. */
const LONG_STRIDE = 64;
/** Rows that `transpose` works on at once. */
const TRANSPOSE_BAND = 16;

/** What arithmetic on bools means: + is "or", · is "and". */
const ofBools: Partial<Record<BinaryName, BinaryName>> = { add: "bitwiseOr", mul: "bitwiseAnd" };

/** Arithmetic that takes no longer than moving its operands. */
const light: ReadonlySet<string> = new Set<UnaryName | BinaryName | CompareName>([
  ...(["neg", "abs", "sign", "square", "reciprocal", "sqrt", "relu"] as const),
  ...(["floor", "ceil", "round", "trunc", "add", "sub", "mul", "div"] as const),
  ...(["maximum", "minimum", "reluGrad", "tanhGrad", "sigmoidGrad", "copysign"] as const),
  ...(["bitwiseAnd", "bitwiseOr", "bitwiseXor", "eq", "ne", "lt", "le", "gt", "ge"] as const),
]);
// How many moves of an element other work takes, measured roughly: it only says when threads pay.
const HEAVY = 4;
const RANDOM = 8;
const SOFTMAX = 8;
const SCATTERED = 4;
const SCALAR_LOOP = 4;
const SORT = 16;
/** Fewer elements than these are no work for several threads, whatever is done to them. */
const FEW_ELEMENTS = 2 ** 12;
/** Bytes of a cache line. */
const LINE = 64;

/** @param others  see {@link loadModule} */
export function startWasm(arena: Arena, others?: readonly Uint8Array<ArrayBuffer>[]): Kernels {
  const module = loadModule(arena.memory, others);
  return new WasmKernels(new Call(arena, openCrew(arena.memory, module)), module);
}

export class WasmKernels extends FusedKernels implements Kernels {
  readonly name = "wasm";
  private readonly exports = this.module.exports as unknown as GemmExports;
  /** At hand, since finding an export takes a part of the time of a small product. */
  private readonly multiply = {
    float32: this.exports.gemmBatch_f32,
    float64: this.exports.gemmBatch_f64,
  };

  scalarUnary(name: UnaryName, dtype: DType): (x: number) => number {
    // What is exact, or correctly rounded, has the same bits in JavaScript.
    return this.scalar(name, dtype) ?? plain.scalarUnary(name, dtype);
  }

  scalarBinary(name: BinaryName, dtype: DType): (a: number, b: number) => number {
    const direct =
      dtype === "float32" ? float32[name] : dtype === "float64" ? float64[name] : undefined;
    return direct ?? this.scalar(name, dtype) ?? plain.scalarBinary(name, dtype);
  }

  fill(value: number, out: Operand): void {
    const number = out.dtype === "bool" ? Number(value !== 0) : value;
    const x = { storage: null, value: number, dtype: out.dtype, shape: [], strides: [], offset: 0 };
    this.copy(x, out);
  }

  copy(x: Operand, out: Operand): void {
    const { call, module } = this;
    const bytes = bytesPerElement[out.dtype];
    const sameBits = x.dtype === out.dtype || (x.dtype === "bool" && out.dtype === "uint8");
    call.begin();
    const count = call.plan(out.shape, x, out, null, null);
    if (count === 0) return;
    if (sameBits && bytes > 1 && this.transposes()) {
      this.transpose(x, out, bytes, count);
      return;
    }
    const kernel = sameBits ? module.bySize[bytes].copy! : this.conversion(x.dtype, out.dtype);
    call.header(call.sizes[0], call.axes - 1);
    call.rowOperand(0, 2, x);
    call.rowOperand(1, 2, out);
    call.launch(kernel, count, count);
  }

  unary(name: UnaryName, x: Operand, out: Operand): void {
    const { call } = this;
    const kernel = this.kernel("unary", name, x.dtype);
    call.begin();
    const count = call.plan(out.shape, x, out, null, null);
    if (count === 0) return;
    call.lengthenRows();
    call.header(call.sizes[0], call.axes - 1);
    call.rowOperand(0, 2, x);
    call.rowOperand(1, 2, out);
    call.launch(kernel, count, workOf(name, count));
  }

  binary(name: BinaryName, a: Operand, b: Operand, out: Operand): void {
    const meant = a.dtype === "bool" ? (ofBools[name] ?? name) : name;
    this.pairwise(this.kernel("binary", meant, a.dtype), a, b, out, name);
  }

  compare(name: CompareName, a: Operand, b: Operand, out: Operand): void {
    if (name === "gt") this.pairwise(this.kernel("compare", "lt", a.dtype), b, a, out, name);
    else if (name === "ge") this.pairwise(this.kernel("compare", "le", a.dtype), b, a, out, name);
    else this.pairwise(this.kernel("compare", name, a.dtype), a, b, out, name);
  }

  where(condition: Operand, a: Operand, b: Operand, out: Operand): void {
    const { call } = this;
    call.begin();
    const count = call.plan(out.shape, condition, a, b, out);
    if (count === 0) return;
    call.lengthenRows();
    call.header(call.sizes[0], call.axes - 1);
    call.rowOperand(0, 4, condition);
    call.rowOperand(1, 4, a);
    call.rowOperand(2, 4, b);
    call.rowOperand(3, 4, out);
    call.launch(this.module.bySize[bytesPerElement[out.dtype]].where!, count, count);
  }

  reduce(name: ReduceName, x: Operand, out: Operand): void {
    readOnce(x.storage, () => reduce(this.call, this.module, this, name, x, out));
  }

  argReduce(name: ArgReduceName, x: Operand, axis: number, out: Operand): void {
    const { call } = this;
    const kernel = this.kernel("argReduce", name, x.dtype);
    call.begin();
    const count = call.plan(out.shape, x, out, null, null, axis);
    if (count === 0) return;
    call.header(x.shape[axis], call.axes);
    const bytes = bytesPerElement[x.dtype];
    call.operand(0, 2, call.address(x), bytes, x.strides[axis], 0);
    call.operand(1, 2, call.address(out), bytesPerElement.int32, 0, 0);
    call.launch(kernel, count, SCALAR_LOOP * count * x.shape[axis]);
  }

  softmax(name: "softmax" | "logSoftmax", x: Operand, axis: number, out: Operand): void {
    const { call } = this;
    const kernel = this.kernel("softmax", name, x.dtype);
    const bytes = bytesPerElement[x.dtype];
    const [n, step, outStep] = [x.shape[axis], x.strides[axis], out.strides[axis]];
    call.begin();
    const rows = call.plan(out.shape, x, out, null, null, axis);
    if (rows === 0 || n === 0) return;
    const [from, to] = [call.address(x), call.address(out)];
    const [xStrides, outStrides] = call.strides;
    const outer = new OuterIndex(call, 1);
    do {
      const xRow = from + outer.position(0) * bytes;
      const outRow = to + outer.position(1) * bytes;
      // biome-ignore format: the range, then the kernel's arguments
      call.run(
        kernel, call.sizes[0], SOFTMAX * call.sizes[0] * n,
        xRow, xStrides[0], step, outRow, outStrides[0], outStep, n,
      );
    } while (outer.next());
  }

  scan(name: ScanName, x: Operand, axis: number, out: Operand): void {
    this.alongAxis(this.kernel("scan", name, x.dtype), [x, out], axis);
  }

  recurrence(a: Operand, b: Operand, axis: number, out: Operand): void {
    this.alongAxis(this.kernel("recurrence", "recurrence", out.dtype), [a, b, out], axis);
  }

  argScan(name: ArgScanName, x: Operand, axis: number, out: Operand): void {
    this.alongAxis(this.kernel("argScan", name, x.dtype), [x, out], axis);
  }

  argsort(x: Operand, axis: number, descending: boolean, out: Operand, first = 0): void {
    const { call } = this;
    const kernel = this.kernel("argsort", "argsort", x.dtype);
    const [n, count] = [x.shape[axis], out.shape[axis]];
    call.begin();
    const rows = call.plan(out.shape, x, out, null, null, axis);
    if (rows === 0 || count === 0) return;
    call.header(n, call.axes);
    call.own(0, Number(descending));
    call.own(1, first);
    call.own(2, first + count);
    call.operand(0, 2, call.address(x), bytesPerElement[x.dtype], x.strides[axis], 0);
    call.operand(1, 2, call.address(out), bytesPerElement.int32, out.strides[axis], 0);
    // Two copies of a row and of the positions in it, whose numbers need their alignment.
    const scratch = 8 * Math.ceil((2 * n * (bytesPerElement[x.dtype] + bytesPerElement.int32)) / 8);
    call.launchWithScratch(kernel, rows, SORT * rows * n, scratch);
  }

  searchsorted(sorted: Operand, values: Operand, right: boolean, out: Operand): void {
    const { call } = this;
    const kernel = this.kernel("searchsorted", "searchsorted", sorted.dtype);
    const count = sizeOf(values);
    if (count === 0) return;
    call.begin();
    const [keys, wanted, to] = [call.address(sorted), call.address(values), call.address(out)];
    const perRow = sorted.shape.length === 1 ? count : values.shape[values.shape.length - 1];
    const n = sorted.shape[sorted.shape.length - 1];
    call.run(kernel, count, SORT * count, keys, wanted, to, n, perRow, Number(right));
  }

  nonzero(x: Operand, out: Operand): number {
    const { call } = this;
    const count = sizeOf(x);
    if (count === 0) return 0;
    call.begin();
    const found = this.module.byType.bool.nonzero!(0, count, call.address(x), call.address(out));
    return found;
  }

  shuffle(u: Operand, out: Operand): void {
    const { call } = this;
    const n = u.shape[u.shape.length - 1];
    const count = sizeOf(u);
    if (count === 0) return;
    call.begin();
    const [from, to] = [call.address(u), call.address(out)];
    call.run(this.module.byType.float64.shuffle!, count / n, SCATTERED * count, from, to, n);
  }

  matmul(a: Operand, b: Operand, out: Operand, bias?: Operand, relu = false): void {
    const { call } = this;
    const dtype = out.dtype;
    if (dtype !== "float32" && dtype !== "float64")
      throw unsupported(this.module, "matmul", "gemm", dtype);
    const bytes = bytesPerElement[dtype];
    const rows = out.shape.length - 2;
    let m = out.shape[rows];
    const n = out.shape[rows + 1];
    const k = a.shape[a.shape.length - 1];
    const [aRow, aColumn] = [rowStride(a), columnStride(a)];
    const [bRow, bColumn] = [rowStride(b), columnStride(b)];
    const [outRow, outColumn] = [rowStride(out), columnStride(out)];
    call.begin();
    let outer: OuterIndex | null = null;
    let batches = 1;
    let first = call.axes;
    if (rows > 0) {
      first = 0;
      batches = call.plan(out.shape.slice(0, -2), outermost(a), outermost(b), outermost(out), null);
      if (batches === 0) return;
      const [aStrides, bStrides, outStrides] = call.strides;
      // One right-hand side for a batch whose rows go on evenly: a single taller product.
      const taller = bStrides[0] === 0 && aStrides[0] === m * aRow && outStrides[0] === m * outRow;
      if (taller) {
        m *= call.sizes[0];
        batches /= call.sizes[0];
        first = 1;
      }
      outer = new OuterIndex(call, first);
    }
    if (m === 0 || n === 0) return;
    const [aStart, bStart, outStart] = [call.address(a), call.address(b), call.address(out)];
    const biasStart = bias === undefined ? 0 : call.address(bias);
    const biasStride = bias === undefined || bias.shape[0] === 1 ? 0 : bias.strides[0];
    const work = PRODUCT_WORK * m * n * k;
    const floors = Number(relu);
    if (runsAtOnce(dtype, m, n, k)) {
      call.header(0, call.axes - first);
      call.operand(0, 3, aStart, bytes, 0, first);
      call.operand(1, 3, bStart, bytes, 0, first);
      call.operand(2, 3, outStart, bytes, 0, first);
      const packA = packsA(m, n, k, aColumn, bytes);
      const inPlaceB = Number(readsInPlace(m, n, k, bRow, bColumn, bytes));
      const scratchBytes = gemmScratchBytes(dtype, m, n, k, 1);
      const multiply = this.multiply[dtype];
      // biome-ignore format: the same arguments, in the same lines, for one thread and for several
      if (batches === 1 || !call.crew.helps(batches * work)) {
        multiply(
          0, batches, call.place, m, n, k, aRow, aColumn, bRow, bColumn, outRow, outColumn,
          BLOCK_ROWS, packA, floors, inPlaceB, biasStart, biasStride, call.takeScratch(scratchBytes),
        );
        call.returnScratch();
      } else {
        call.launchWithScratch(
          multiply as Kernel, batches, batches * work, scratchBytes,
          m, n, k, aRow, aColumn, bRow, bColumn, outRow, outColumn,
          BLOCK_ROWS, packA, floors, inPlaceB, biasStart, biasStride,
        );
      }
      return;
    }
    const crew = call.crew.helps(work) ? call.crew : null;
    const scratchBytes = gemmScratchBytes(dtype, m, n, k, crew?.size() ?? 1);
    const scratch = call.takeScratch(scratchBytes);
    do {
      const pa = outer === null ? aStart : aStart + outer.position(0) * bytes;
      const pb = outer === null ? bStart : bStart + outer.position(1) * bytes;
      const pout = outer === null ? outStart : outStart + outer.position(2) * bytes;
      // biome-ignore format: one line for each operand
      gemm(
        this.exports, crew, dtype, m, n, k,
        pa, aRow, aColumn,
        pb, bRow, bColumn,
        pout, outRow, outColumn,
        biasStart, biasStride, floors,
        scratch,
      );
    } while (outer?.next());
    call.returnScratch();
    if (relu && isFewVectors(m, n, k, bytes)) this.unary("relu", out, out);
  }

  conv(g: ConvGeometry, x: Operand, weight: Operand, y: Operand, bias?: Operand): void {
    this.convolve("conv", g, x, weight, y, bias);
  }

  convInput(g: ConvGeometry, x: Operand, weight: Operand, y: Operand): void {
    this.convolve("convInput", g, x, weight, y);
  }

  convWeight(g: ConvGeometry, x: Operand, weight: Operand, y: Operand): void {
    this.convolve("convWeight", g, x, weight, y);
  }

  private convolve(
    name: ConvName,
    g: ConvGeometry,
    x: Operand,
    weight: Operand,
    y: Operand,
    bias?: Operand,
  ): void {
    const kernelOf = (exported: string) => this.kernel(name, exported, x.dtype);
    convolve(this, this.call, kernelOf, name, g, x, weight, y, bias);
  }

  gather(x: Operand, axis: number, index: Operand, out: Operand): number {
    const { call } = this;
    call.begin();
    // The kernel adds what the index says to the start of the axis.
    const held = relaid(x, x.shape.with(axis, 1), x.strides.with(axis, 0));
    const count = call.plan(out.shape, held, index, out, null);
    if (count === 0) return -1;
    call.header(call.sizes[0], call.axes - 1);
    this.indexes(x, axis);
    [x, index, out].forEach((operand, k) => {
      call.rowOperand(k, 3, operand);
    });
    const kernel = this.module.bySize[bytesPerElement[x.dtype]].gather!;
    return call.launch(kernel, count, SCATTERED * count);
  }

  scatterAdd(out: Operand, axis: number, index: Operand, source: Operand): number {
    return this.meet("scatterAdd", out, axis, index, source);
  }

  scatter(name: ScatterName, out: Operand, axis: number, index: Operand, source: Operand): number {
    const exported = `scatter${name[0].toUpperCase()}${name.slice(1)}`;
    return this.meet(exported, out, axis, index, source);
  }

  /** All scatters. Several indices may name one place, so threads share out the lines along the axis. */
  private meet(name: string, out: Operand, axis: number, index: Operand, source: Operand): number {
    const { call } = this;
    const bytes = bytesPerElement[out.dtype];
    const kernel =
      name === "scatterSet" ? this.module.bySize[bytes][name]! : this.kernel(name, name, out.dtype);
    const operands = [out, index, source];
    const n = index.shape[axis];
    call.begin();
    const lines = call.plan(index.shape, out, index, source, null, axis);
    if (lines * n === 0) return -1;
    const columns = call.sizes[0];
    // Neighbours whose places follow one another are as many as a cache line has.
    const group = call.strides[0][0] === 1 ? LINE / bytes : 1;
    call.header(n, call.axes);
    this.indexes(out, axis);
    call.own(2, group);
    operands.forEach((x, k) => {
      const stride = x === out ? 0 : x.strides[axis];
      call.operand(k, 3, call.address(x), bytesPerElement[x.dtype], stride, 0);
    });
    const units = (lines / columns) * Math.ceil(columns / group);
    const bad = call.launch(kernel, units, SCATTERED * lines * n);
    return bad < 0 ? -1 : firstOutside(index, out.shape[axis]);
  }

  /** Tells the kernel along which axis it indexes. */
  private indexes(table: Operand, axis: number): void {
    this.call.own(0, table.shape[axis]);
    this.call.own(1, table.strides[axis] * bytesPerElement[table.dtype]);
  }

  windowArgmax(boxes: Boxes, x: Operand, out: Operand): void {
    const { call } = this;
    const kernel = this.kernel("windowArgmax", "windowArgmax", x.dtype);
    const count = sizeOf(out);
    if (count === 0) return;
    const volume = (list: readonly number[]) => [1, 1, ...list].slice(-3);
    const missing = 3 - boxes.input.length;
    // Axes that are not there have one window of one element.
    const table = (lists: readonly Int32Array[], by: number) =>
      adopt(
        Int32Array.from([...new Array(missing).fill(by), ...lists.flatMap((list) => [...list])]),
      );
    const flat = { value: 0, dtype: "int32" as const, shape: [], strides: [], offset: 0 };
    const starts = { ...flat, storage: table(boxes.starts, 0) };
    const lengths = { ...flat, storage: table(boxes.lengths, 1) };
    call.begin();
    // In the order of assembly/pooling.ts.
    call.words([
      ...[call.address(x), call.address(out)],
      ...[boxes.input, boxes.output, boxes.dilation].flatMap(volume),
      ...[call.address(starts), call.address(lengths)],
    ]);
    const elements = boxes.lengths.reduce((product, list) => product * Math.max(...list), 1);
    const lines = count / boxes.output[boxes.output.length - 1];
    call.launch(kernel, lines, count * elements);
    release(starts.storage);
    release(lengths.storage);
  }

  resample(x: Operand, positions: Operand, weights: Operand, axis: number, out: Operand): void {
    this.alongTaps("resample", x, positions, weights, axis, out, out);
  }

  resampleInput(x: Operand, positions: Operand, weights: Operand, axis: number, y: Operand): void {
    this.alongTaps("resampleInput", x, positions, weights, axis, y, x);
  }

  private alongTaps(
    name: "resample" | "resampleInput",
    x: Operand,
    positions: Operand,
    weights: Operand,
    axis: number,
    y: Operand,
    out: Operand,
  ): void {
    const { call } = this;
    const kernel = this.kernel(name, name, x.dtype);
    if (sizeOf(out) === 0) return;
    const [taps, count] = positions.shape;
    const inner = product(x.shape.slice(axis + 1));
    const units = product(x.shape.slice(0, axis));
    call.begin();
    const addresses = [x, y, positions, weights].map((operand) => call.address(operand));
    const work = units * count * inner * taps;
    call.run(kernel, units, work, ...addresses, taps, x.shape[axis], count, inner);
  }

  random(
    name: RandomName,
    out: Operand,
    key: readonly [keyLow: number, keyHigh: number],
    counter: number,
    a: number,
    b: number,
  ): number {
    const { call } = this;
    const kernel = this.kernel("random", name, out.dtype);
    const perBlock = out.dtype === "float64" ? 2 : 4;
    call.begin();
    const count = call.plan(out.shape, out, null, null, null);
    if (count > 0) {
      const high = Math.floor(counter / 2 ** 32);
      // biome-ignore format: the range, then the kernel's arguments
      call.run(
        kernel, count, RANDOM * count,
        call.address(out), key[0], key[1], counter | 0, high, a, b,
      );
    }
    return Math.ceil(count / perBlock);
  }

  /** Runs a kernel over the rows along `axis` of equally shaped operands, the last of which it writes. */
  private alongAxis(kernel: Kernel, operands: readonly Operand[], axis: number): void {
    const { call } = this;
    const [a, b, c = null] = operands;
    const out = operands[operands.length - 1];
    const n = out.shape[axis];
    call.begin();
    const rows = call.plan(out.shape, a, b, c, null, axis);
    if (rows === 0 || n === 0) return;
    call.header(n, call.axes);
    operands.forEach((x, k) => {
      const bytes = bytesPerElement[x.dtype];
      call.operand(k, operands.length, call.address(x), bytes, x.strides[axis], 0);
    });
    call.launch(kernel, rows, SCALAR_LOOP * rows * n);
  }

  private scalar(name: string, dtype: DType): ((...x: number[]) => number) | undefined {
    return this.module.exports[`scalar_${name}_${suffixOf[dtype]}`];
  }

  private conversion(from: DType, to: DType): Kernel {
    const suffix = to === "bool" ? "bool" : suffixOf[to];
    return this.module.exports[`copy_${suffixOf[from]}_${suffix}`]!;
  }

  /** out = f(a, b) over rows of the planned axes. */
  private pairwise(kernel: Kernel, a: Operand, b: Operand, out: Operand, name: string): void {
    const { call } = this;
    const p = this.straighten(a, out);
    const q = this.straighten(b, out);
    call.begin();
    const count = call.plan(out.shape, p, q, out, null);
    if (count === 0) return;
    call.lengthenRows();
    call.header(call.sizes[0], call.axes - 1);
    call.rowOperand(0, 3, p);
    call.rowOperand(1, 3, q);
    call.rowOperand(2, 3, out);
    call.launch(kernel, count, workOf(name, count));
    if (p !== a) release(p.storage!);
    if (q !== b) release(q.storage!);
  }

  /**
   * A contiguous copy of a large input whose rows run across those of `out`, as a transposed
   * matrix' do; else the input itself. Transposing in blocks and adding takes a sixth of the time
   * of adding along long strides.
   */
  private straighten(x: Operand, out: Operand): Operand {
    const last = x.shape.length - 1;
    if (last < 1 || out.strides[out.strides.length - 1] !== 1) return x;
    const across = x.strides[last] >= LONG_STRIDE && x.strides.includes(1);
    if (!across || x.shape[last] < SHORTEST_TRANSPOSED) return x;
    const storage = alloc(
      x.dtype,
      x.shape.reduce((product, size) => product * size, 1),
    );
    let stride = storage.length;
    const strides = x.shape.map((size) => {
      stride /= size;
      return stride;
    });
    const copy = { ...relaid(x, x.shape, strides), storage, offset: 0 };
    this.copy(x, copy);
    return copy;
  }

  /**
   * Whether the planned copy reads along one axis and writes along another. If so, x's contiguous
   * axis becomes axis 1.
   */
  private transposes(): boolean {
    const { axes, sizes, strides } = this.call;
    const [x, out] = strides;
    if (axes < 2 || out[0] !== 1 || x[0] === 1 || sizes[0] < SHORTEST_TRANSPOSED) return false;
    for (let axis = 1; axis < axes; axis++) {
      if (x[axis] !== 1 || sizes[axis] < SHORTEST_TRANSPOSED) continue;
      for (const list of [sizes, x, out]) [list[1], list[axis]] = [list[axis], list[1]];
      return true;
    }
    return false;
  }

  private transpose(x: Operand, out: Operand, bytes: number, count: number): void {
    const { call } = this;
    const [n, m] = call.sizes;
    const [xStrides, outStrides] = call.strides;
    call.header(n, call.axes - 2);
    call.own(0, m);
    call.own(1, outStrides[1] * bytes);
    call.own(2, TRANSPOSE_BAND);
    call.operand(0, 2, call.address(x), bytes, xStrides[0], 2);
    call.operand(1, 2, call.address(out), bytes, 1, 2);
    const matrices = count / (n * m);
    const bands = matrices * Math.ceil(m / TRANSPOSE_BAND);
    call.launch(this.module.bySize[bytes].transpose!, bands, count);
  }
}

/** Goes through the planned axes from `first` on, which the kernel itself does not. */
class OuterIndex {
  private readonly call: Call;
  private readonly first: number;
  private readonly index: number[] = [];

  constructor(call: Call, first: number) {
    this.call = call;
    this.first = first;
    for (let axis = first; axis < call.axes; axis++) this.index.push(0);
  }

  /** Elements from the start of operand `k`. */
  position(k: number): number {
    const strides = this.call.strides[k];
    let elements = 0;
    for (let axis = 0; axis < this.index.length; axis++) {
      elements += this.index[axis] * strides[this.first + axis];
    }
    return elements;
  }

  /** Moves on; false at the end. */
  next(): boolean {
    for (let axis = 0; axis < this.index.length; axis++) {
      if (++this.index[axis] < this.call.sizes[this.first + axis]) return true;
      this.index[axis] = 0;
    }
    return false;
  }
}

/** Of an elementwise kernel. */
function workOf(name: string, count: number): number {
  return count < FEW_ELEMENTS || light.has(name) ? count : HEAVY * count;
}

function sizeOf(x: Operand): number {
  return product(x.shape);
}

/** From one row of a matrix to the next. */
function rowStride({ strides }: Operand): number {
  return strides[strides.length - 2];
}

function columnStride({ strides }: Operand): number {
  return strides[strides.length - 1];
}

type NumberFunction = (a: number, b: number) => number;

// Gates on lone numbers spend their time here, so arithmetic takes no detour through the twin's tables.
// The vector kernels round after every operation; so must these.
const { fround } = Math;

const float32: Partial<Record<BinaryName, NumberFunction>> = {
  add: (a, b) => fround(a + b),
  sub: (a, b) => fround(a - b),
  mul: (a, b) => fround(a * b),
  div: (a, b) => fround(a / b),
  tanhGrad: (a, b) => fround(a * fround(1 - fround(b * b))),
  sigmoidGrad: (a, b) => fround(fround(a * b) * fround(1 - b)),
};

const float64: Partial<Record<BinaryName, NumberFunction>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
};
