/**
 * Learning to learn sine waves (Finn, Abbeel and Levine, Model-Agnostic Meta-Learning, ICML 2017, section 5.1).
 *
 * A network is trained so that one step of gradient descent on ten points of a new wave (its amplitude and phase
 * are unknown) brings it close to the whole wave. The step is part of what is differentiated: a gradient inside
 * the loss. All waves of a batch adapt at once, by vmap, each with weights of its own.
 */
import { pathToFileURL } from "node:url";
import {
  Adam,
  functionalCall,
  grad,
  manualSeed,
  mseLoss,
  nn,
  noGrad,
  rand,
  type Tensor,
  treeMap,
  vmap,
} from "tapegrad";

type Parameters = Record<string, Tensor>;

const POINTS = 10;
/** Length of the step of adaptation. */
const INNER_RATE = 0.05;

/** Waves a·sin(x + φ), each with points to adapt to and points to be judged by: [waves, points, 1]. */
function sampleWaves(count: number) {
  const amplitude = rand([count, 1, 1], { low: 0.5, high: 2 });
  const phase = rand([count, 1, 1], { low: 0, high: Math.PI });
  const points = () => {
    const x = rand([count, POINTS, 1], { low: -5, high: 5 });
    return { x, y: x.add(phase).sin().mul(amplitude) };
  };
  return { known: points(), asked: points() };
}

/** Trains for `steps` batches of waves; the errors are those on new waves, before and after adapting to them. */
export function learnToLearn({ steps = 200, waves = 16, seed = 0 } = {}) {
  manualSeed(seed);
  const model = nn.sequential([
    nn.linear(1, 32),
    nn.tanh(),
    nn.linear(32, 32),
    nn.tanh(),
    nn.linear(32, 1),
  ]);
  const loss = (p: Parameters, x: Tensor, y: Tensor) => mseLoss(functionalCall(model, p, x), y);
  const adapted = (p: Parameters, x: Tensor, y: Tensor) =>
    treeMap((w, dw) => w.sub(dw.mul(INNER_RATE)), p, grad(loss)(p, x, y));
  const afterOneStep = (p: Parameters, x: Tensor, y: Tensor, xAsked: Tensor, yAsked: Tensor) =>
    loss(adapted(p, x, y), xAsked, yAsked);
  const lossOfEach = vmap(afterOneStep, { inAxes: [null, 0, 0, 0, 0] });
  const plainLossOfEach = vmap(loss, { inAxes: [null, 0, 0] });

  const parameters: Parameters = Object.fromEntries(model.namedParameters());
  const judge = () =>
    noGrad(() => {
      manualSeed(seed + 1);
      const { known, asked } = sampleWaves(100);
      const before = plainLossOfEach(parameters, asked.x, asked.y).mean().item();
      const after = lossOfEach(parameters, known.x, known.y, asked.x, asked.y).mean().item();
      return { before, after };
    });

  const untrained = judge();
  manualSeed(seed + 2);
  const optimizer = new Adam(model.parameters(), { lr: 1e-2 });
  for (let step = 0; step < steps; step++) {
    const { known, asked } = sampleWaves(waves);
    optimizer.zeroGrad();
    lossOfEach(parameters, known.x, known.y, asked.x, asked.y).mean().backward();
    optimizer.step();
  }
  return { untrained, trained: judge() };
}

/** What the program prints. */
export function report(options: { steps?: number } = {}): string {
  const { untrained, trained } = learnToLearn(options);
  const line = (name: string, { before, after }: typeof trained) =>
    `${name}: mean squared error on new waves ${before.toFixed(2)}, after one step on ${POINTS} points ${after.toFixed(2)}`;
  return [line("untrained   ", untrained), line("meta-trained", trained)].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) console.log(report());
