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

/** How far the last losses of the contenders lie apart, as a part of ours. */
export function lossSpread(results) {
  const last = Object.values(results).map(({ losses }) => losses.at(-1));
  const ours = results.tapegrad.losses.at(-1);
  return Math.max(...last.map((loss) => Math.abs(loss - ours) / Math.abs(ours)));
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

export function contestText(workload, results, contenders) {
  const { title, unit, digits } = workload;
  const ours = results.tapegrad;
  const rows = Object.entries(results).map(([who, { median, lower, upper, mean, losses }]) => [
    `${who} ${contenders[who].version}`,
    median.toFixed(digits),
    `${lower.toFixed(digits)}–${upper.toFixed(digits)}`,
    mean.toFixed(digits),
    `${(ours.median / median).toFixed(2)}×`,
    losses.at(-1).toFixed(6),
  ]);
  const last = `loss of step ${ours.losses.length}`;
  const head = ["", unit, "quartiles", "mean", "ours / theirs", last];
  const skipped = workload.contenders
    .filter((who) => !(who in results))
    .map((who) => `  ${who}: skipped, ${contenders[who].missing}.`);
  return [title, table([head, ...rows]), ...skipped].join("\n");
}

export function figuresText(figures) {
  const rows = figures.map(({ name, value, wanted, met }) => [
    name,
    value < 0.01 ? value.toExponential(1) : value.toFixed(2),
    wanted,
    met ? "reached" : "MISSED",
  ]);
  return `Figures to reach\n${table([["", "measured", "wanted", ""], ...rows])}`;
}
