/** Small two-dimensional problems of known shape, for trying models out. */
import {
  defaultGenerator,
  type Generator,
  rand,
  randn,
  randperm,
  tensor,
  ValueError,
} from "@tapegrad/core";
import { checkBetween, checkWhole } from "./checks.ts";
import { TensorDataset } from "./dataset.ts";

export interface SyntheticOptions {
  /** Default float32. */
  dtype?: "float32" | "float64";
  /** Where the noise and the order come from; by default the shared generator, which `manualSeed` seeds. */
  generator?: Generator;
  /** Random order instead of class after class. Default true. */
  shuffle?: boolean;
}

/** Points and their classes, as a dataset. */
class Points {
  private readonly x: number[] = [];
  private readonly y: number[] = [];
  private readonly features: number;

  constructor(features = 2) {
    this.features = features;
  }

  add(point: readonly number[], label: number): void {
    this.x.push(...point);
    this.y.push(label);
  }

  /** Adds Gaussian noise to every coordinate and shuffles. */
  dataset(noise: number, options: SyntheticOptions): TensorDataset {
    const { dtype = "float32", generator = defaultGenerator(), shuffle = true } = options;
    const n = this.y.length;
    const { features } = this;
    const shifts = noise > 0 ? normals(n * features, generator) : null;
    const order = shuffle ? randperm(n, { generator }).data() : this.y.map((_, i) => i);
    const x = new Float64Array(n * features);
    for (let row = 0; row < n; row++) {
      for (let f = 0; f < features; f++) {
        const from = order[row] * features + f;
        x[row * features + f] = this.x[from] + (shifts === null ? 0 : noise * shifts[from]);
      }
    }
    return new TensorDataset(
      tensor(x, { shape: [n, features], dtype }),
      tensor(Int32Array.from(order, (from) => this.y[from])),
    );
  }
}

function normals(n: number, generator: Generator): ArrayLike<number> {
  return randn([n], { generator, dtype: "float64" }).data();
}

/** n numbers from a to b, both included unless `open`. */
function steps(a: number, b: number, n: number, open = false): number[] {
  const gaps = open ? n : Math.max(1, n - 1);
  return Array.from({ length: n }, (_, i) => a + ((b - a) * i) / gaps);
}

/**
 * The spirals of CS231n's notes (https://cs231n.github.io/neural-networks-case-study): in class k, radius
 * r goes from 0 to 1 and the angle t from 4k to 4(k + 1), noise added to the angle; x = (r·sin t, r·cos t).
 *
 * @param options.samples  per class
 * @returns  x [classes · samples, 2], y int32
 */
export function spirals({
  samples = 100,
  classes = 3,
  noise = 0.2,
  ...options
}: SyntheticOptions & { samples?: number; classes?: number; noise?: number } = {}): TensorDataset {
  checkWhole("spirals", "samples", samples, 1);
  checkWhole("spirals", "classes", classes, 1);
  checkBetween("spirals", "noise", noise);
  const generator = options.generator ?? defaultGenerator();
  const points = new Points();
  for (let k = 0; k < classes; k++) {
    const radii = steps(0, 1, samples);
    const angles = steps(4 * k, 4 * (k + 1), samples);
    const shifts = normals(samples, generator);
    for (let i = 0; i < samples; i++) {
      const t = angles[i] + noise * shifts[i];
      points.add([radii[i] * Math.sin(t), radii[i] * Math.cos(t)], k);
    }
  }
  return points.dataset(0, options);
}

/**
 * Two half circles that reach into each other, as scikit-learn's `make_moons`: (cos t, sin t) in class 0
 * and (1 − cos t, ½ − sin t) in class 1, t from 0 to π, Gaussian noise added.
 *
 * @param options.samples  in both classes together; class 1 gets the odd one
 * @returns  x [samples, 2], y int32
 */
export function moons({
  samples = 100,
  noise = 0,
  ...options
}: SyntheticOptions & { samples?: number; noise?: number } = {}): TensorDataset {
  checkWhole("moons", "samples", samples, 2);
  checkBetween("moons", "noise", noise);
  const outer = Math.floor(samples / 2);
  const points = new Points();
  for (const t of steps(0, Math.PI, outer)) points.add([Math.cos(t), Math.sin(t)], 0);
  for (const t of steps(0, Math.PI, samples - outer)) {
    points.add([1 - Math.cos(t), 0.5 - Math.sin(t)], 1);
  }
  return points.dataset(noise, options);
}

/**
 * A circle around a smaller one, as scikit-learn's `make_circles`: radius 1 in class 0, `factor` in
 * class 1, evenly spaced, Gaussian noise added.
 *
 * @param options.samples  in both classes together; class 1 gets the odd one
 * @param options.factor   from 0 to 1. Default 0.8
 * @returns  x [samples, 2], y int32
 */
export function circles({
  samples = 100,
  noise = 0,
  factor = 0.8,
  ...options
}: SyntheticOptions & { samples?: number; noise?: number; factor?: number } = {}): TensorDataset {
  checkWhole("circles", "samples", samples, 2);
  checkBetween("circles", "noise", noise);
  checkBetween("circles", "factor", factor, { high: 1 });
  const outer = Math.floor(samples / 2);
  const points = new Points();
  for (const t of steps(0, 2 * Math.PI, outer, true)) points.add([Math.cos(t), Math.sin(t)], 0);
  for (const t of steps(0, 2 * Math.PI, samples - outer, true)) {
    points.add([factor * Math.cos(t), factor * Math.sin(t)], 1);
  }
  return points.dataset(noise, options);
}

/**
 * Gaussian clouds, as scikit-learn's `make_blobs`: around each centre, points with standard deviation `std`.
 *
 * @param options.samples   in all classes together, shared out evenly; the first classes get those left over
 * @param options.centers   their number, drawn uniformly from −10 to 10 along each axis, or the centres
 * @param options.features  axes of the points, where the centres are drawn. Default 2
 * @returns  x [samples, features], y int32
 */
export function blobs({
  samples = 100,
  centers = 3,
  features = 2,
  std = 1,
  ...options
}: SyntheticOptions & {
  samples?: number;
  centers?: number | readonly (readonly number[])[];
  features?: number;
  std?: number;
} = {}): TensorDataset {
  checkWhole("blobs", "samples", samples, 1);
  checkWhole("blobs", "features", features, 1);
  checkBetween("blobs", "std", std);
  const generator = options.generator ?? defaultGenerator();
  checkWhole(
    "blobs",
    "the number of centers",
    typeof centers === "number" ? centers : centers.length,
    1,
  );
  const places =
    typeof centers === "number"
      ? (rand([centers, features], {
          low: -10,
          high: 10,
          generator,
          dtype: "float64",
        }).toArray() as number[][])
      : centers;
  const points = new Points(places[0].length);
  places.forEach((centre, k) => {
    if (centre.length !== places[0].length || centre.length === 0) {
      throw new ValueError(
        `blobs: center ${k} has ${centre.length} axes and center 0 has ${places[0].length}; all need as many.`,
      );
    }
    const own = Math.floor(samples / places.length) + (k < samples % places.length ? 1 : 0);
    for (let i = 0; i < own; i++) points.add(centre, k);
  });
  return points.dataset(std, options);
}
