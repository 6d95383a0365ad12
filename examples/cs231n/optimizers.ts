/**
 * Update rules, of CS231n's assignment 2: each written out and checked against the notebook's digits and the
 * library's optimizers; then a race down three surfaces, drawn in the terminal, as the notes' two animations show it.
 *
 * Notes: https://cs231n.github.io/neural-networks-3/#update
 */
import { linspace, optim, relativeError, type Tensor, tensor } from "tapegrad";
import {
  expectPublished,
  lesson,
  MismatchError,
  main,
  type Print,
  range,
  table,
  whole,
} from "./common.ts";

/** What a rule remembers from step to step, besides its rates. */
type Memory = Record<string, Tensor | number>;
/** w and its gradient dw → the next w and memory. */
type Rule<M extends Memory> = (w: Tensor, dw: Tensor, memory: M) => { w: Tensor; memory: M };

export const sgd: Rule<{ lr: number }> = (w, dw, memory) => ({
  w: w.sub(dw.mul(memory.lr)),
  memory,
});

/** "Momentum update": the gradient changes the velocity, and the velocity the position. */
export const momentum: Rule<{ lr: number; momentum: number; velocity: Tensor }> = (
  w,
  dw,
  memory,
) => {
  const velocity = memory.velocity.mul(memory.momentum).sub(dw.mul(memory.lr));
  return { w: w.add(velocity), memory: { ...memory, velocity } };
};

/** "RMSprop": steep directions get small steps, flat ones large steps. */
export const rmsprop: Rule<{ lr: number; decay: number; eps: number; cache: Tensor }> = (
  w,
  dw,
  memory,
) => {
  const { lr, decay, eps } = memory;
  const cache = memory.cache.mul(decay).add(dw.square().mul(1 - decay));
  return { w: w.sub(dw.mul(lr).div(cache.sqrt().add(eps))), memory: { ...memory, cache } };
};

/** "Adam": RMSprop with momentum. Both averages start at 0, and are made up for that while t is small. */
export const adam: Rule<{
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  m: Tensor;
  v: Tensor;
  t: number;
}> = (w, dw, memory) => {
  const { lr, beta1, beta2, eps } = memory;
  const t = memory.t + 1;
  const m = memory.m.mul(beta1).add(dw.mul(1 - beta1));
  const v = memory.v.mul(beta2).add(dw.square().mul(1 - beta2));
  const mHat = m.div(1 - beta1 ** t);
  const vHat = v.div(1 - beta2 ** t);
  return { w: w.sub(mHat.mul(lr).div(vHat.sqrt().add(eps))), memory: { ...memory, m, v, t } };
};

const spaced = (from: number, to: number) =>
  linspace(from, to, 20, { dtype: "float64" }).reshape([4, 5]);

/** One step of each rule from the notebook's weights, gradients and memories: the digits that it prints. */
function checkPublished(print: Print): void {
  const [w, dw] = [spaced(-0.4, 0.6), spaced(-0.6, 0.4)];
  const moved = momentum(w, dw, { lr: 1e-3, momentum: 0.9, velocity: spaced(0.6, 0.9) });
  expectPublished(
    print,
    "momentum, w",
    moved.w,
    [
      0.1406, 0.20738947, 0.27417895, 0.34096842, 0.40775789, 0.47454737, 0.54133684, 0.60812632,
      0.67491579, 0.74170526, 0.80849474, 0.87528421, 0.94207368, 1.00886316, 1.07565263,
      1.14244211, 1.20923158, 1.27602105, 1.34281053, 1.4096,
    ],
  );
  expectPublished(
    print,
    "momentum, velocity",
    moved.memory.velocity,
    [
      0.5406, 0.55475789, 0.56891579, 0.58307368, 0.59723158, 0.61138947, 0.62554737, 0.63970526,
      0.65386316, 0.66802105, 0.68217895, 0.69633684, 0.71049474, 0.72465263, 0.73881053,
      0.75296842, 0.76712632, 0.78128421, 0.79544211, 0.8096,
    ],
  );
  const scaled = rmsprop(w, dw, { lr: 1e-2, decay: 0.99, eps: 1e-8, cache: spaced(0.6, 0.9) });
  expectPublished(
    print,
    "rmsprop, w",
    scaled.w,
    [
      -0.39223849, -0.34037513, -0.28849239, -0.23659121, -0.18467247, -0.132737, -0.08078555,
      -0.02881884, 0.02316247, 0.07515774, 0.12716641, 0.17918792, 0.23122175, 0.28326742,
      0.33532447, 0.38739248, 0.43947102, 0.49155973, 0.54365823, 0.59576619,
    ],
  );
  expectPublished(
    print,
    "rmsprop, cache",
    scaled.memory.cache,
    [
      0.5976, 0.6126277, 0.6277108, 0.64284931, 0.65804321, 0.67329252, 0.68859723, 0.70395734,
      0.71937285, 0.73484377, 0.75037008, 0.7659518, 0.78158892, 0.79728144, 0.81302936, 0.82883269,
      0.84469141, 0.86060554, 0.87657507, 0.8926,
    ],
  );
  const both = adam(w, dw, {
    ...{ lr: 1e-2, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
    ...{ m: spaced(0.6, 0.9), v: spaced(0.7, 0.5), t: 5 },
  });
  expectPublished(
    print,
    "adam, w",
    both.w,
    [
      -0.40094747, -0.34836187, -0.29577703, -0.24319299, -0.19060977, -0.1380274, -0.08544591,
      -0.03286534, 0.01971428, 0.0722929, 0.1248705, 0.17744702, 0.23002243, 0.28259667, 0.33516969,
      0.38774145, 0.44031188, 0.49288093, 0.54544852, 0.59801459,
    ],
    2e-7,
  );
  expectPublished(
    print,
    "adam, m",
    both.memory.m,
    [
      0.48, 0.49947368, 0.51894737, 0.53842105, 0.55789474, 0.57736842, 0.59684211, 0.61631579,
      0.63578947, 0.65526316, 0.67473684, 0.69421053, 0.71368421, 0.73315789, 0.75263158,
      0.77210526, 0.79157895, 0.81105263, 0.83052632, 0.85,
    ],
  );
  expectPublished(
    print,
    "adam, v",
    both.memory.v,
    [
      0.69966, 0.68908382, 0.67851319, 0.66794809, 0.65738853, 0.64683452, 0.63628604, 0.6257431,
      0.61520571, 0.60467385, 0.59414753, 0.58362676, 0.57311152, 0.56260183, 0.55209767,
      0.54159906, 0.53110598, 0.52061845, 0.51013645, 0.49966,
    ],
  );
}

/** A loss of two parameters. */
export interface Surface {
  f: (x: Tensor, y: Tensor) => Tensor;
  start: readonly [number, number];
  /** Its least value. */
  least: number;
  /** What is drawn. */
  x: readonly [number, number];
  y: readonly [number, number];
}

export const surfaces: Record<string, Surface> = {
  // Steep across, flat along: plain descent zigzags or creeps.
  ravine: {
    f: (x, y) => x.square().div(20).add(y.square()),
    start: [-7, 2],
    least: 0,
    x: [-8, 4],
    y: [-3, 3],
  },
  // A ridge in y at the start: almost no gradient leads off it.
  saddle: {
    f: (x, y) => x.square().sub(y.square()).add(y.square().square().div(4)),
    start: [-1.5, 0.001],
    least: -1,
    x: [-2, 1],
    y: [-0.6, 2],
  },
  // Beale's function: flat plains behind steep walls. Least at (3, 0.5).
  beale: {
    f: (x, y) => {
      const term = (a: number, power: Tensor) => x.mul(power.sub(1)).add(a).square();
      const y2 = y.square();
      return term(1.5, y)
        .add(term(2.25, y2))
        .add(term(2.625, y2.mul(y)));
    },
    start: [1, 1.4],
    least: 0,
    x: [0, 4],
    y: [-1, 1.6],
  },
};

/** The racers, by the letter that draws them. */
export const racers: Record<string, (params: Tensor[]) => optim.Optimizer<{ lr: number }>> = {
  sgd: (params) => new optim.SGD(params, { lr: 0.01 }),
  momentum: (params) => new optim.Momentum(params, { lr: 0.005, momentum: 0.9 }),
  nesterov: (params) => new optim.Momentum(params, { lr: 0.005, momentum: 0.9, nesterov: true }),
  adagrad: (params) => new optim.Adagrad(params, { lr: 0.5 }),
  rmsprop: (params) => new optim.RMSProp(params, { lr: 0.02, alpha: 0.9 }),
  Adam: (params) => new optim.Adam(params, { lr: 0.1 }),
};

type Point = readonly [x: number, y: number];

/** The points that an optimizer passes, and the loss at each. */
export function descend(
  { f, start }: Surface,
  make: (params: Tensor[]) => optim.Optimizer<{ lr: number }>,
  steps: number,
): { path: Point[]; losses: number[] } {
  const p = tensor(start, { dtype: "float64", requiresGrad: true });
  const optimizer = make([p]);
  const path: Point[] = [];
  const losses: number[] = [];
  for (let step = 0; step <= steps; step++) {
    optimizer.zeroGrad();
    const [x, y] = p.unbind();
    const loss = f(x, y);
    loss.backward();
    path.push(p.toArray() as unknown as Point);
    losses.push(loss.item());
    optimizer.step();
  }
  return { path, losses };
}

/** By hand, with the rule above, to compare with the library's Adam. */
function descendByHand({ f, start }: Surface, steps: number): Point[] {
  let w = tensor(start, { dtype: "float64" });
  let memory = {
    ...{ lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
    ...{ m: w.mul(0), v: w.mul(0), t: 0 },
  };
  const path: Point[] = [];
  for (let step = 0; step <= steps; step++) {
    path.push(w.toArray() as unknown as Point);
    const leaf = w.clone().requiresGrad_();
    const [x, y] = leaf.unbind();
    f(x, y).backward();
    ({ w, memory } = adam(w, leaf.grad!, memory));
  }
  return path;
}

const [columns, lines] = [72, 22];
/** From low to high. */
const shades = " .:-=+*%";

/** The surface in shades, each as large as the others; the paths in their letters. */
export function draw(surface: Surface, paths: Readonly<Record<string, readonly Point[]>>): string {
  const { f, x, y } = surface;
  const [xs, ys] = [linspace(...x, columns), linspace(y[1], y[0], lines)];
  const heights = f(
    xs.unsqueeze(0).expand([lines, columns]),
    ys.unsqueeze(1).expand([lines, columns]),
  );
  const values = heights.data();
  const ranked = [...values].sort((a, b) => a - b);
  const bounds = range(1, shades.length).map(
    (i) => ranked[Math.floor((i * values.length) / shades.length)],
  );
  const picture = range(0, lines).map((line) =>
    range(0, columns).map(
      (column) => shades[bounds.filter((bound) => values[line * columns + column] >= bound).length],
    ),
  );
  const place = (value: number, [low, high]: readonly [number, number], cells: number) =>
    Math.round(((value - low) / (high - low)) * (cells - 1));
  for (const [name, path] of Object.entries(paths)) {
    for (const point of path) {
      const [line, column] = [lines - 1 - place(point[1], y, lines), place(point[0], x, columns)];
      if (picture[line]?.[column] !== undefined) picture[line][column] = name[0];
    }
  }
  return picture.map((line) => line.join("")).join("\n");
}

export const optimizers = lesson({
  about: "Update rules, checked digit by digit, and their race down three surfaces.",
  options: { steps: whole(150, "steps of the race") },
  run({ steps }, print) {
    checkPublished(print);
    const hand = descendByHand(surfaces.beale, steps).flat();
    const library = descend(surfaces.beale, racers.Adam, steps).path.flat();
    const difference = relativeError(hand, library);
    if (!(difference < 1e-9))
      throw new MismatchError(`Adam: relative error ${difference} by hand.`);
    print(
      `Adam by hand and the library's, ${steps} steps: relative error ${difference.toExponential(1)}`,
    );

    const finals: Record<string, Record<string, number>> = {};
    for (const [title, surface] of Object.entries(surfaces)) {
      const runs = Object.entries(racers).map(([name, make]) => ({
        name,
        ...descend(surface, make, steps),
      }));
      print(`\n${title}, from (${surface.start.join(", ")}), ${steps} steps`);
      print(draw(surface, Object.fromEntries(runs.map(({ name, path }) => [name, path]))));
      const at = (losses: number[], step: number) =>
        (losses[Math.min(step, steps)] - surface.least).toPrecision(2);
      print(
        table([
          ["above the minimum by", "after 10", "after 50", `after ${steps} steps`],
          ...runs.map(({ name, losses }) => [
            `  ${name}`,
            ...[10, 50, steps].map((step) => at(losses, step)),
          ]),
        ]),
      );
      finals[title] = Object.fromEntries(
        runs.map(({ name, losses }) => [name, losses[steps] - surface.least]),
      );
    }
    return { finals };
  },
});

await main(import.meta.url, optimizers);
