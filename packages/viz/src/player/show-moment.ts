/** A moment on the picture: what is known is to be seen, what has just flowed stands out. */
import { describeSummary } from "../format.ts";
import type { Stage } from "../page/stage.ts";
import type { Atom, Wire } from "../view.ts";
import type { Moment } from "./timeline.ts";

export function showMoment(picture: HTMLElement, stage: Stage, moment: Moment): void {
  const { phase, active } = moment;
  const { wires, atoms } = stage.view;
  const flow = new Set(moment.flow);
  picture.dataset.phase = phase;
  stage.mark("active", active);
  picture.querySelectorAll(".line").forEach((line, i) => {
    line.classList.toggle("flow", flow.has(wires[i]!.id));
  });
  for (const label of picture.querySelectorAll<SVGGElement>("[data-wire]")) {
    // Tips would tell what isn't known yet.
    label.querySelector("title")?.remove();
    const wire = label.dataset.wire!;
    for (const { classList } of label.children) {
      const isGradient = classList.contains("gradient");
      const isNew = flow.has(wire) && isGradient === (phase !== "forward");
      classList.toggle("waiting", !(wire in (isGradient ? moment.gradients : moment.values)));
      classList.toggle("fresh", isNew && phase !== "inputs");
    }
  }
  const beside = new Map<string, Wire[]>(atoms.map(({ id }) => [id, []]));
  const ends = new Set(atoms.filter(({ node }) => node?.kind === "output").map(({ id }) => id));
  for (const wire of wires) {
    beside.get(wire.from)!.push(wire);
    // All that is known of the end of a wire is known of the wire.
    if (ends.has(wire.to)) beside.get(wire.to)!.push(wire);
  }
  picture.querySelectorAll(".atom").forEach((element, i) => {
    element.querySelector("title")?.remove();
    showAtom(element, atoms[i]!, beside.get(atoms[i]!.id)!, moment);
  });
}

/** The sum of an atom's gradients, and what screen readers hear of it. */
function showAtom(
  element: Element,
  { node, label }: Atom,
  wires: readonly Wire[],
  { values, gradients }: Moment,
): void {
  const flowing = wires.filter(({ gradient }) => gradient !== null);
  const hasGradient = flowing.length > 0 && flowing.every(({ id }) => id in gradients);
  element.querySelector(".gradient")?.classList.toggle("waiting", !hasGradient);
  if (node === null) return;
  const { value, gradient } = node.outputs[0]!;
  const parts = [node.op ?? node.kind, node.name ?? (node.op === null ? "" : label)];
  if (value !== null && wires.some(({ id }) => id in values))
    parts.push(`value ${describeSummary(value)}`);
  if (gradient !== null && hasGradient) parts.push(`gradient ${describeSummary(gradient)}`);
  element.setAttribute("aria-label", parts.filter((part) => part !== "").join(", "));
}
