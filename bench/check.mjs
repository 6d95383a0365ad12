/** Whether speed has been lost since a stored run: ratios are compared, since times of two runs don't compare. */
import { table } from "./report.mjs";

/**
 * The ratios of a run, by name: our times as parts of the peers', and, where there is no peer, as parts of the
 * time of a fixed loop in plain JavaScript that the same process ran in turns with ours.
 */
export function ratiosOf({ workloads, gemm, dispatch, ops, formula }) {
  const ratios = new Map();
  for (const [name, { results }] of Object.entries(workloads)) {
    for (const ours of ["tapegrad", "tapegrad-2"]) {
      for (const peer of ["pytorch", "jax-js"]) {
        if (results[ours] === undefined || results[peer] === undefined) continue;
        ratios.set(`${name}: ${ours} / ${peer}`, results[ours].median / results[peer].median);
      }
    }
  }
  for (const { dtype, shape, ...rates } of gemm?.rows ?? []) {
    for (const [kind, rate] of Object.entries(rates))
      ratios.set(`gemm: ${dtype} ${shape.join("×")} ${kind}`, 1 / rate / gemm.loop);
  }
  for (const { dtype, shape, rate } of gemm?.batched ?? []) {
    ratios.set(`gemm: ${dtype}, a batch ${shape.join("×")}`, 1 / rate / gemm.loop);
  }
  for (const { name, ...rates } of gemm?.convolved ?? []) {
    for (const [kind, rate] of Object.entries(rates))
      ratios.set(`gemm: ${name}, ${kind}`, 1 / rate / gemm.loop);
  }
  for (const { name, forward, both } of dispatch?.rows ?? []) {
    ratios.set(`dispatch: ${name}, forward`, forward / dispatch.loop);
    ratios.set(`dispatch: ${name}, forward + backward`, both / dispatch.loop);
  }
  for (const { name, forward, backward } of ops?.rows ?? []) {
    ratios.set(`ops: ${name}, forward`, forward / ops.loop);
    if (backward !== null) ratios.set(`ops: ${name}, backward`, backward / ops.loop);
  }
  for (const { text, size, formula: ours, byHand } of formula ?? [])
    ratios.set(`formula: ${text}, ${size}`, ours / byHand);
  return ratios;
}

/** One op is timed for a moment only and so less exactly: it may move twice as far. */
const tolerated = (name, tolerance) => (name.startsWith("ops: ") ? 2 * tolerance : tolerance);

/**
 * Compares the ratios that both runs have.
 *
 * @returns rows { name, stored, now, change, grown }; `unmatched`, names that only one of the runs has; passed:
 *   something was compared, no ratio has grown by more than the tolerance and our losses agree with PyTorch's
 */
export function check(stored, results, tolerance) {
  const [before, now] = [ratiosOf(stored), ratiosOf(results)];
  const rows = [...now]
    .filter(([name]) => before.has(name))
    .map(([name, ratio]) => {
      const change = ratio / before.get(name) - 1;
      const grown = change > tolerated(name, tolerance);
      return { name, stored: before.get(name), now: ratio, change, grown };
    });
  const unmatched = [
    ...[...now.keys()].filter((name) => !before.has(name)),
    ...[...before.keys()].filter((name) => !now.has(name)),
  ];
  const wrong = results.figures.filter(({ name, met }) => name.includes("loss") && !met);
  const passed = rows.length > 0 && wrong.length === 0 && !rows.some(({ grown }) => grown);
  return { rows, unmatched, wrong: wrong.map(({ name }) => name), passed };
}

export function checkText({ rows, unmatched, wrong, passed }, tolerance) {
  const percent = (share) => `${share > 0 ? "+" : ""}${(100 * share).toFixed(0)} %`;
  const shown = rows
    .filter(({ name, grown }) => grown || !/^(ops|dispatch|gemm)/.test(name))
    .map(({ name, stored, now, change, grown }) => [
      name,
      stored.toPrecision(3),
      now.toPrecision(3),
      percent(change),
      grown ? "SLOWER" : "",
    ]);
  const lines = [
    `Ratios beside the stored ones; tolerance ${percent(tolerance)}, of one op twice that`,
  ];
  if (rows.length === 0) lines.push("  nothing to compare: no ratio is in both runs.");
  if (shown.length > 0) lines.push(table([["", "stored", "now", "change", ""], ...shown]));
  const grown = rows.filter((row) => row.grown).length;
  lines.push(
    `  ${rows.length} compared, ${grown} grown beyond it, ${unmatched.length} in one run only`,
  );
  lines.push(...wrong.map((name) => `  WRONG: ${name}`));
  lines.push(passed ? "check: passed" : "check: FAILED");
  return lines.join("\n");
}
