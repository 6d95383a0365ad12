/** From times to what is printed and stored. */

const sorted = (times) => times.toSorted((a, b) => a - b);

/** Median, mean and quartiles of the rounds. */
export function summarize(times) {
  const at = (fraction) => sorted(times)[Math.round(fraction * (times.length - 1))];
  return {
    median: at(0.5),
    mean: times.reduce((a, b) => a + b, 0) / times.length,
    lower: at(0.25),
    upper: at(0.75),
  };
}

/** A figure to reach: `value` as measured, `wanted` the most that is good. */
export function atMost(name, value, wanted) {
  return { name, value, wanted: `≤ ${wanted}`, met: value <= wanted };
}

/** A figure to reach: `value` as measured, `wanted` the least that is good. */
export function atLeast(name, value, wanted) {
  return { name, value, wanted: `≥ ${wanted}`, met: value >= wanted };
}

/** How far two contenders' losses lie apart at the last step that both made, as a part of the second's. */
export function lossGap({ losses }, { losses: expected }) {
  const last = Math.min(losses.length, expected.length) - 1;
  return Math.abs(losses[last] - expected[last]) / Math.abs(expected[last]);
}

/**
 * Ours must agree with PyTorch's to 1e-5, at any number of threads. Of the others it is asked only that they
 * compute the same thing: some sum a million float32 in one running sum, which loses 3e-4.
 */
export function lossFigures(name, results) {
  const { tapegrad, pytorch, ...others } = results;
  const gaps = Object.values(others).map((other) => lossGap(other, tapegrad));
  return [
    pytorch && atMost(`${name}, our loss beside PyTorch's`, lossGap(tapegrad, pytorch), 1e-5),
    gaps.length > 0 && atMost(`${name}, the others' losses beside ours`, Math.max(...gaps), 1e-3),
  ].filter(Boolean);
}

/** Rows of cells as lines; the first column flush left, the others flush right. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join("   "),
    )
    .map((line) => `  ${line.trimEnd()}`)
    .join("\n");
}

/** The table of a workload; `skipped` says who is missing and why. */
export function contestText({ title, unit, digits }, results, contenders, skipped) {
  const ours = results.tapegrad;
  const rows = Object.entries(results).map(([who, { median, lower, upper, mean, losses }]) => [
    `${who === "tapegrad-2" ? "tapegrad" : who} ${contenders[who].version}`,
    median.toFixed(digits),
    `${lower.toFixed(digits)}–${upper.toFixed(digits)}`,
    mean.toFixed(digits),
    `${ratio(ours.median / median)}×`,
    `${losses.at(-1).toPrecision(8)} (${losses.length})`,
  ]);
  const head = ["", unit, "quartiles", "mean", "ours / theirs", "loss of the last step"];
  const absent = Object.entries(skipped).map(([who, why]) => `  ${who}: skipped, ${why}.`);
  return [title, table([head, ...rows]), ...absent].join("\n");
}

const ratio = (value) => (value < 0.1 ? value.toPrecision(2) : value.toFixed(2));

export function figuresText(figures) {
  const rows = figures.map(({ name, value, wanted, met }) => [
    name,
    value < 0.01 ? value.toExponential(1) : value.toFixed(2),
    wanted,
    met ? "reached" : "MISSED",
  ]);
  return `Figures to reach\n${table([["", "measured", "wanted", ""], ...rows])}`;
}
