/**
 * The method form of ops, so that formulas read from left to right: `x.mul(w).add(b).tanh()`. Each module adds
 * the methods of one class to {@link Tensor}; a method forwards to the function of its name, which has the
 * documentation, and `name_` works in place.
 */
import "./activations.ts";
import "./elementwise.ts";
import "./layout.ts";
import "./math.ts";
import "./products.ts";
import "./reduce.ts";
import "./rounding.ts";
import "./tape.ts";
