/**
 * Convolutions: how work is cut into units, and how much scratch a unit takes. Both follow from shapes
 * alone. assembly/conv.ts and assembly/depthwise.ts have the kernels.
 */
import type { Call } from "./call.ts";
import { type ConvGeometry, type Kernels, type Operand, relaid } from "./interface.ts";
import { alloc, release } from "./memory.ts";
import type { Kernel } from "./module.ts";
import { bytesPerElement } from "./storage.ts";

export type ConvName = "conv" | "convInput" | "convWeight";

/** Columns that are multiplied at a time, and how many places the weight's gradient sums at a time. */
const COLUMNS = 128;
const SUMMED_COLUMNS = 256;
/** Rows of columns at a time: as many as a sum of the product has terms; for gradients a block of A's. */
const ROWS = 256;
const GRADIENT_ROWS = 60;
/** Elements of y's columns that stay in the second-level cache. */
const PACKED_ELEMENTS = 2 ** 16;
/** Parts of the batch that the weight's gradient sums apart, while those sums have so many elements. */
const MOST_PARTS = 8;
const PARTIAL_ELEMENTS = 2 ** 20;
/** Units that the gradient of x is cut into, if there are channels enough. */
const FEWEST_UNITS = 16;
/** Multiplications that take as long as moving an element. */
const PER_MOVE = 4;

/** Where `cut` has it. */
const UNIT_IMAGES = 4;

/** As assembly/tile.ts has them. */
const TILE_ROWS = 5;
const TILE_BYTES = 192;
const PANEL_BYTES = 32;
const LINE = 64;

export const product = (list: readonly number[]): number => list.reduce((a, b) => a * b, 1);
const roundUp = (x: number, multiple: number): number => Math.ceil(x / multiple) * multiple;
const quotient = (x: number, by: number): number => Math.max(1, Math.floor(x / by));

/** An odd number of cache lines, so that rows share no set of the cache. */
const rowBytes = (bytes: number): number => roundUp(bytes, 2 * LINE) + LINE;

/** Columns of the gradient of x, beside which `outGroup` rows of y fit the cache. */
const columnsBeside = (outGroup: number): number =>
  Math.min(COLUMNS, Math.max(32, roundUp(PACKED_ELEMENTS / outGroup, 8)));

/** Images and places of a block of about `most` columns: whole images where they are small. */
function blockOf(images: number, places: number, most: number): [images: number, places: number] {
  if (places <= most) return [Math.min(images, quotient(most, places)), places];
  return [1, roundUp(places / Math.ceil(places / most), 8)];
}

/** Kernel, stride, dilation, before, input, output along three axes. */
function asVolume(g: ConvGeometry): number[] {
  const { kernel, stride, dilation, before, input, output } = g;
  const still = [...kernel, ...stride].every((n) => n === 1) && before.every((n) => n === 0);
  if (still && product(input) === product(output)) {
    // Windows of one element: the image is one line.
    return [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, product(input), 1, 1, product(output)];
  }
  const missing = 3 - kernel.length;
  const filled = (list: readonly number[], by: number) => [...new Array(missing).fill(by), ...list];
  return [
    ...[kernel, stride, dilation].flatMap((list) => filled(list, 1)),
    ...filled(before, 0),
    ...[input, output].flatMap((list) => filled(list, 1)),
  ];
}

/** An operand of its own, to be released. */
function temporary(like: Operand, shape: readonly number[]): Operand {
  const count = product(shape);
  let stride = count;
  const strides = shape.map((size) => {
    stride /= size;
    return stride;
  });
  const { dtype } = like;
  return { storage: alloc(dtype, count), value: 0, dtype, shape, strides, offset: 0 };
}

/** The same elements as a matrix for each group, its last two axes swapped. */
function turned(x: Operand, groups: number, rows: number, columns: number): Operand {
  return relaid(x, [groups, columns, rows], [rows * columns, 1, columns]);
}

/** How a call is cut. */
interface Plan {
  units: number;
  /** Bytes of scratch for each thread: the columns (or a plane), then what else a unit needs. */
  columnBytes: number;
  restBytes: number;
  /** blockImages, blockPlaces, blockChannels, unitChannels, unitImages, row of assembly/problem.ts. */
  cut: readonly number[];
}

/** One channel in a group and few out of it: no matrix product. */
function planDepthwise(name: ConvName, g: ConvGeometry, images: number, size: number): Plan {
  const extent = g.output.map(
    (n, i) => (n - 1) * g.stride[i] + (g.kernel[i] - 1) * g.dilation[i] + 1,
  );
  // Strided loads may read up to a vector more.
  const row = roundUp(extent[extent.length - 1] * size + 16, 16);
  return {
    units: name === "convWeight" ? g.groups : images * g.groups,
    columnBytes: roundUp(4 * product(g.kernel), LINE),
    restBytes: product(extent.slice(0, -1)) * row + LINE,
    cut: [0, 0, 0, 0, 0, row],
  };
}

function planProducts(
  name: ConvName,
  g: ConvGeometry,
  images: number,
  inGroup: number,
  outGroup: number,
  size: number,
): Plan {
  const [taps, places] = [product(g.kernel), product(g.output)];
  const most = { conv: COLUMNS, convInput: columnsBeside(outGroup), convWeight: SUMMED_COLUMNS };
  const [blockImages, blockPlaces] = blockOf(images, places, most[name]);
  const columns = blockImages * blockPlaces;
  const row = rowBytes(columns * size);
  const channels = Math.min(inGroup, quotient(name === "conv" ? ROWS : GRADIENT_ROWS, taps));
  const rows = channels * taps;
  const owners = Math.ceil(images / blockImages) * g.groups;
  const plan = (
    units: number,
    columnRows: number,
    restBytes: number,
    unitChannels = channels,
    unitImages = blockImages,
  ): Plan => ({
    units,
    columnBytes: columnRows * row,
    restBytes,
    cut: [blockImages, blockPlaces, channels, unitChannels, unitImages, row],
  });
  if (name === "conv") {
    const units = owners * Math.ceil(places / blockPlaces);
    return plan(units, rows, blockImages > 1 ? outGroup * row : 0);
  }
  if (name === "convInput") {
    const unitChannels = roundUp(inGroup / Math.ceil(FEWEST_UNITS / owners), channels);
    return plan(owners * Math.ceil(inGroup / unitChannels), outGroup, rows * row, unitChannels);
  }
  const parts = Math.min(
    MOST_PARTS,
    quotient(PARTIAL_ELEMENTS, g.groups * outGroup * inGroup * taps),
  );
  const unitImages = roundUp(images / parts, blockImages);
  const units = Math.ceil(images / unitImages) * g.groups * Math.ceil(inGroup / channels);
  const panelBytes = roundUp(outGroup * size, PANEL_BYTES) * columns;
  return plan(units, rows, panelBytes, channels, unitImages);
}

/** Runs one of the convolutions of the interface, which says what the operands are. */
export function convolve(
  kernels: Kernels,
  call: Call,
  kernelOf: (name: string) => Kernel,
  name: ConvName,
  g: ConvGeometry,
  x: Operand,
  weight: Operand,
  y: Operand,
  bias?: Operand,
): void {
  const out = { conv: y, convInput: x, convWeight: weight }[name];
  if (product(out.shape) === 0) return;
  if (name !== "conv" && (product(x.shape) === 0 || product(y.shape) === 0)) {
    kernels.fill(0, out);
    return;
  }
  const size = bytesPerElement[x.dtype];
  const images = x.shape[0];
  const [inGroup, outGroup] = [x.shape[1] / g.groups, y.shape[1] / g.groups];
  const inner = inGroup * product(g.kernel);
  const depthwise = inGroup === 1 && outGroup < TILE_ROWS;
  const { units, columnBytes, restBytes, cut } = depthwise
    ? planDepthwise(name, g, images, size)
    : planProducts(name, g, images, inGroup, outGroup, size);
  const kernel = kernelOf(depthwise ? name.replace("conv", "depthwise") : name);

  let used = weight;
  if (!depthwise && name === "convInput") {
    used = temporary(weight, [g.groups, inner, outGroup]);
    kernels.copy(turned(weight, g.groups, outGroup, inner), used);
  } else if (!depthwise && name === "convWeight") {
    used = temporary(weight, [Math.ceil(images / cut[UNIT_IMAGES]), g.groups, inner, outGroup]);
  }

  call.begin();
  // In the order of assembly/problem.ts.
  call.words([
    ...[images, g.groups, inGroup, outGroup, ...asVolume(g)],
    ...[call.address(x), call.address(used), call.address(y), bias ? call.address(bias) : 0],
    ...[...cut, columnBytes],
  ]);
  const work = (images * g.groups * outGroup * inner * product(g.output)) / PER_MOVE;
  call.launchWithScratch(kernel, units, work, TILE_BYTES + columnBytes + restBytes);

  if (used === weight) return;
  if (name === "convWeight") {
    const { shape, strides } = turned(weight, g.groups, outGroup, inner);
    kernels.reduce("sum", used, relaid(weight, [1, ...shape], [0, ...strides]));
  }
  release(used.storage!);
}
