/** What is used of Observable Plot, loaded with the first plot. By name, so that bundlers leave the rest out. */
export { cell, dot, image, line, plot, ruleY, text } from "@observablehq/plot";
