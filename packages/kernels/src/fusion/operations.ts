/** What steps are made of: the arithmetic of assembly/elementwise.ts as WebAssembly instructions. */

/** Single instructions, by the opcodes for float32 and float64. */
export const instructions: Readonly<Record<string, readonly [single: number, double: number]>> = {
  abs: [0xe0, 0xec],
  neg: [0xe1, 0xed],
  sqrt: [0xe3, 0xef],
  floor: [0x68, 0x75],
  ceil: [0x67, 0x74],
  round: [0x6a, 0x94],
  trunc: [0x69, 0x7a],
  add: [0xe4, 0xf0],
  sub: [0xe5, 0xf1],
  mul: [0xe6, 0xf2],
  div: [0xe7, 0xf3],
  minimum: [0xe8, 0xf4],
  maximum: [0xe9, 0xf5],
  pmax: [0xeb, 0xf7],
  eq: [0x41, 0x47],
  ne: [0x42, 0x48],
  lt: [0x43, 0x49],
  gt: [0x44, 0x4a],
  le: [0x45, 0x4b],
  ge: [0x46, 0x4c],
  not: [0x4d, 0x4d],
  bitwiseAnd: [0x4e, 0x4e],
  andnot: [0x4f, 0x4f],
  bitwiseOr: [0x50, 0x50],
  bitwiseXor: [0x51, 0x51],
  bitselect: [0x52, 0x52],
};

/** Several instructions on the arguments a, b, c and on constants, operands first. */
export const composites: Readonly<Record<string, string>> = {
  square: "a a mul",
  reciprocal: "1 a div",
  relu: "a 0 pmax",
  sign: "a 0 gt 1 bitwiseAnd a 0 lt 1 bitwiseAnd sub",
  reluGrad: "a b 0 le andnot",
  tanhGrad: "a 1 b b mul sub mul",
  sigmoidGrad: "a b mul 1 b sub mul",
  copysign: "b a -0 bitselect",
  where: "b c a bitselect",
};

const truths: ReadonlySet<string> = new Set(
  "eq ne lt gt le ge not bitwiseAnd bitwiseOr bitwiseXor".split(" "),
);

/** Whether a step gives truth values: in a chain masks of lanes, outside of it bool arrays. */
export function givesTruth(name: string): boolean {
  return truths.has(name);
}
