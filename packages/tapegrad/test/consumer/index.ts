/** What a user's project sees: the built types, checked strictly and without Node's. */
import { Adam, crossEntropy, defineOp, nn, type Tensor, tensor } from "tapegrad";

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

const model = nn.sequential([nn.linear(2, 3), nn.relu(), nn.linear(3, 2)]);
const optimizer = new Adam(model.parameters(), { lr: 0.01 });
const x: Tensor = tensor([[1, 2]]);
const loss: Tensor = crossEntropy(model(cube(x)), tensor([1], { dtype: "int32" }));
loss.backward();
optimizer.step();
export const value: number = loss.item();

// @ts-expect-error an input too few
cube();
// @ts-expect-error no such method
x.frobnicate();
