/** What a user's project sees: the built types, checked strictly and without Node's. */
import { Adam, crossEntropy, defineOp, installMethod, nn, type Tensor, tensor } from "tapegrad";
import { definePlayer, type GraphPlayer } from "tapegrad/player";

const cube = defineOp({
  name: "cube",
  inputs: ["x"],
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels) => {
    kernels.unary("square", x, y);
    kernels.binary("mul", x, y, y);
  },
  saves: ["x"],
  grad: { x: (dy, { x }) => dy.mul(x.square().mul(3)) },
});

const scaled = defineOp({
  name: "scaled",
  inputs: ["x"],
  attrs: { by: 2, mode: { type: "string", oneOf: ["up", "down"], default: "up" } },
  kernel: ({ x }, y, { by, mode }) => {
    for (let i = 0; i < y.length; i++) y[i] = mode === "up" ? x[i]! * by : x[i]! / by;
  },
  grad: { x: (dy, _, { by, mode }) => (mode === "up" ? dy.mul(by) : dy.div(by)) },
});

declare module "tapegrad" {
  interface TensorMethods {
    scaled(attrs?: { by?: number; mode?: "up" | "down" }): Tensor;
  }
}
installMethod("scaled", scaled);

const model = nn.sequential([nn.linear(2, 3), nn.relu(), nn.linear(3, 2)]);
const optimizer = new Adam(model.parameters(), { lr: 0.01 });
const x: Tensor = tensor([[1, 2]]);
const loss: Tensor = crossEntropy(
  model(cube(x).scaled({ by: 3 })),
  tensor([1], { dtype: "int32" }),
);
loss.backward();
optimizer.step();
export const value: number = loss.item();

// @ts-expect-error an input too few
cube();
// @ts-expect-error no such attribute
scaled(x, { times: 3 });
// @ts-expect-error no such mode
x.scaled({ mode: "sideways" });
// @ts-expect-error no such method
x.frobnicate();

definePlayer();
const player: GraphPlayer = document.createElement("tapegrad-graph");
player.inputs = { x: 2 };
player.build = ({ x }) => x!.square();
player.play();
