/** The time of every op, in a process of its own. */
import { measureChild } from "./dispatch.mjs";
import { table } from "./report.mjs";

/** { rows: { family, name, forward, backward } in ms, loop: ms of the reference loop, unseen: ops without a row } */
export const measureOps = ({ ms }) => measureChild("ops", ms);

const milliseconds = (time) => (time === null ? "–" : time.toPrecision(3));

export function opsText({ rows, unseen }) {
  const families = [...new Set(rows.map(({ family }) => family))].map((family) => {
    const cells = rows
      .filter((row) => row.family === family)
      .map(({ name, forward, backward }) => [name, milliseconds(forward), milliseconds(backward)]);
    return table([[family, "forward", "backward"], ...cells]);
  });
  const size = "512×512 elements where nothing else is said in op-cases.mjs";
  const rest = unseen.length > 0 ? [`  without a row: ${unseen.join(", ")}`] : [];
  return [`ops: ms on one thread; ${size}`, ...families, ...rest].join("\n\n");
}
