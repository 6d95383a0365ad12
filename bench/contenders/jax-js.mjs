/** jax-js on WebAssembly: the whole training step, its update included, is one jitted function. */
import { serve } from "../serve.mjs";

globalThis.navigator ??= { userAgent: "node", hardwareConcurrency: 1 }; // Node 20 has none
const jax = await import("@jax-js/jax");
const { jit, nn, numpy: np, tree, valueAndGrad } = jax;
await jax.init("wasm");
jax.defaultDevice("wasm");

function mlp({ x, labels, w1, b1, w2, b2 }, { lr, weightDecay }) {
  const [rows] = x.shape;
  const [classes] = w2.shape;
  const of = ({ data, shape }) => np.array(data).reshape(shape);
  // jax multiplies x·W with W [in, out]; ours and PyTorch's x·Wᵀ with W [out, in].
  let params = {
    w1: of(w1).transpose(),
    b1: of(b1),
    w2: of(w2).transpose(),
    b2: of(b2),
  };
  const images = of(x);
  const targets = nn.oneHot(np.array(Array.from(labels.data), { dtype: np.int32 }), classes);

  const lossOf = (p, images, targets) => {
    const hidden = nn.relu(np.matmul(images, p.w1).add(p.b1));
    const scores = np.matmul(hidden, p.w2).add(p.b2);
    return nn
      .logSoftmax(scores)
      .mul(targets)
      .sum()
      .mul(-1 / rows);
  };
  const update = jit((p, images, targets) => {
    const [loss, grads] = valueAndGrad(lossOf)(tree.ref(p), images, targets);
    // p ← p − lr·(g + weightDecay·p)
    const next = tree.map((q, g) => q.mul(1 - lr * weightDecay).sub(g.mul(lr)), p, grads);
    return [loss, next];
  });
  const train = () => {
    const [loss, next] = update(params, images.ref, targets.ref);
    params = next;
    return loss.item();
  };
  return { train, step: train };
}

await serve({ w1: mlp });
