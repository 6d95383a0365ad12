/** Ops written as formulas: `formula("x * sigmoid(b * x)")` is an op whose gradients are derived symbolically. */
export {};
