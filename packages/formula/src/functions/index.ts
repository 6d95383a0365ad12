/** Fills the table of functions. */
import "./arithmetic.ts";
import "./axis.ts";
import "./elementwise.ts";
