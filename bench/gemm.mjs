/** Matrix products and convolutions alone, without tensors, in a process of their own. */
import { measureChild } from "./dispatch.mjs";
import { atLeast, table } from "./report.mjs";

/**
 * { rows: { dtype, shape: [m, k, n], ab, atb, abt }, batched: { dtype, shape: [matrices, m, k, n], rate },
 * convolved: { name, forward, input, weight } in GFLOPS, loop: ms of the reference loop }
 */
export const measureGemm = ({ rounds }) => measureChild("gemm", rounds);

export function gemmText({ rows, batched, convolved }) {
  const cells = rows.map(({ dtype, shape, ab, atb, abt }) => [
    `${dtype} ${shape.join("×")}`,
    ...[ab, atb, abt].map((rate) => rate.toFixed(1)),
    ((2e-3 * shape[0] * shape[1] * shape[2]) / ab).toPrecision(3),
  ]);
  const together = batched.map(({ dtype, shape: [count, ...sides], rate }) => [
    `${count} of ${dtype} ${sides.join("×")}`,
    rate.toFixed(1),
  ]);
  const convs = convolved.map(({ name, ...rates }) => [
    name,
    ...["forward", "input", "weight"].map((key) => rates[key].toFixed(1)),
  ]);
  return [
    "gemm: GFLOPS on one thread, rows × sum × columns",
    table([["", "AB", "AᵀB", "ABᵀ", "AB µs"], ...cells]),
    table([["batches", "AB"], ...together]),
    table([["convolutions, float32", "forward", "gradient of x", "of w"], ...convs]),
  ].join("\n");
}

/** 80 % of what one core of the project's machine can do with 128-bit registers, a multiplication and a sum apart. */
const wantedRate = 0.8 * 50;

/** Of float32 where all sides have 256 and more. */
export function gemmFigures({ rows }) {
  const float32 = rows.filter(({ dtype }) => dtype === "float32");
  const large = float32.filter(({ shape }) => Math.min(...shape) >= 256);
  const turned = large.map(({ ab, atb, abt }) => Math.min(atb, abt) / ab);
  return [
    atLeast("gemm, GFLOPS from 256 up", Math.min(...large.map(({ ab }) => ab)), wantedRate),
    atLeast("gemm, AᵀB and ABᵀ as parts of AB, from 256 up", Math.min(...turned), 0.85),
  ];
}
