/** What building from a spec, which may come from anywhere, may cost. */
import { ValueError } from "@tapegrad/core";

export interface BuildLimits {
  /** How many modules a spec may make. Default 100,000. */
  maxModules?: number;
  /** How many elements all parameters may have together. Default 2³⁰, 4 GiB of float32. */
  maxParameters?: number;
}

/** What is left to spend, in a build with limits; null outside. */
let left: Required<BuildLimits> | null = null;

/** Runs build; it may not make more than the limits say. */
export function withinLimits<T>(
  { maxModules = 100_000, maxParameters = 2 ** 30 }: BuildLimits,
  build: () => T,
): T {
  const outer = left;
  left = { maxModules, maxParameters };
  try {
    return build();
  } finally {
    left = outer;
  }
}

/** @throws ValueError if this is more than the build may spend */
export function spend(limit: keyof BuildLimits, amount: number): void {
  if (left === null) return;
  left[limit] -= amount;
  if (left[limit] < 0) {
    const what = limit === "maxModules" ? "modules" : "elements of parameters";
    throw new ValueError(
      `the spec makes too many ${what}; pass { ${limit} } to fromSpec to allow more.`,
    );
  }
}
