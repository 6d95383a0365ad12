/** What an op costs beside its arithmetic: ops on 32 elements, in a process of their own. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { atMost, table } from "./report.mjs";

/** Runs a program of children/ with arguments; its last line is JSON. */
export const measureChild = (name, ...args) => measureWithFlags([], name, ...args);

/** @param flags  Node's own */
export function measureWithFlags(flags, name, ...args) {
  const file = fileURLToPath(new URL(`children/${name}.mjs`, import.meta.url));
  const command = [...flags, file, ...args.map(String)];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: "utf8" });
  if (status !== 0) throw new Error(`bench: children/${name}.mjs failed.\n${stderr}`);
  return JSON.parse(stdout);
}

/** { rows: µs per op by name, loop: µs of the reference loop } */
export const measureDispatch = ({ rounds }) => measureChild("dispatch", rounds);

export function dispatchText({ rows }) {
  const cells = rows.map(({ name, forward, both }) => [name, forward.toFixed(2), both.toFixed(2)]);
  const head = ["", "forward", "forward + backward"];
  return `dispatch: chains of one op on 32 elements, µs per op\n${table([head, ...cells])}`;
}

export function dispatchFigures({ rows }) {
  const worst = (key) => Math.max(...rows.map((row) => row[key]));
  return [
    atMost("dispatch, µs per op forward, at most", worst("forward"), 1),
    atMost("dispatch, µs per op forward and backward, at most", worst("both"), 2.5),
  ];
}
