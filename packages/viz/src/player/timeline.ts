/** What is known of a circuit, moment by moment: gate after gate forward, then back. */
import { produce } from "immer";
import type { Atom, View, Wire } from "../view.ts";

/**
 * "inputs": nothing has been computed. "forward": a gate has given its value. "turn": what backward starts from
 * has arrived at the end. "backward": a gate has passed gradients to its inputs.
 */
export type Phase = "inputs" | "forward" | "turn" | "backward";

/** The state after a step. It never changes, and shares with its neighbours all that is the same. */
export interface Moment {
  readonly phase: Phase;
  /** Id of the gate, or of the folded group, that has just worked; null in the phases without one. */
  readonly active: string | null;
  /** Ids of the wires that something has just flowed through. */
  readonly flow: readonly string[];
  /** Ids of the wires whose value is known, and of those whose gradient is. */
  readonly values: Readonly<Record<string, true>>;
  readonly gradients: Readonly<Record<string, true>>;
}

type Step = Pick<Moment, "phase" | "active" | "flow">;

/**
 * Every step of the view's circuit. Gates that no gradient flows back through have no backward step; folded groups at
 * which one arrives have, since it may go to parameters inside.
 */
function stepsOf({ atoms, wires }: View): Step[] {
  const isGate = ({ node }: Atom) => node === null || node.kind === "op";
  const into = grouped(wires, ({ to }) => to);
  const from = grouped(wires, (wire) => wire.from);
  const gates = atoms.filter(isGate).map(({ id }) => id);
  const groups = new Set(atoms.filter(({ group }) => group !== null).map(({ id }) => id));
  const idsOf = (list: readonly Wire[] = []) => list.map(({ id }) => id);
  const flowing = (list: readonly Wire[] = []) => list.filter(({ gradient }) => gradient !== null);
  const isEnd = new Set(atoms.filter(({ node }) => node?.kind === "output").map(({ id }) => id));
  const turn = flowing(wires.filter(({ to }) => isEnd.has(to)));
  const passes = (id: string) => flowing((groups.has(id) ? from : into).get(id)).length > 0;
  const backward = gates.filter(passes).reverse();
  return [
    ...gates.map((id): Step => ({ phase: "forward", active: id, flow: idsOf(from.get(id)) })),
    ...(turn.length === 0 ? [] : [{ phase: "turn", active: null, flow: idsOf(turn) } as const]),
    ...backward.map(
      (id): Step => ({ phase: "backward", active: id, flow: idsOf(flowing(into.get(id))) }),
    ),
  ];
}

function grouped(wires: readonly Wire[], key: (wire: Wire) => string): Map<string, Wire[]> {
  const groups = new Map<string, Wire[]>();
  for (const wire of wires) groups.set(key(wire), [...(groups.get(key(wire)) ?? []), wire]);
  return groups;
}

/** The history of a circuit: each moment is made once, from the one before, and kept. */
export class Timeline {
  private readonly steps: readonly Step[];
  private readonly moments: Moment[];

  constructor(view: View) {
    this.steps = stepsOf(view);
    const gates = new Set(this.steps.map(({ active }) => active));
    const given = view.wires.filter(({ from }) => !gates.has(from)).map(({ id }) => id);
    const values = Object.fromEntries(given.map((id) => [id, true as const]));
    this.moments = [{ phase: "inputs", active: null, flow: given, values, gradients: {} }];
  }

  /** Number of the last moment; the first is 0. */
  get last(): number {
    return this.steps.length;
  }

  /** The moment after this many steps. */
  at(index: number): Moment {
    while (this.moments.length <= index) {
      const { phase, active, flow } = this.steps[this.moments.length - 1]!;
      const next = produce(this.moments.at(-1)!, (moment) => {
        const known = phase === "forward" ? moment.values : moment.gradients;
        for (const wire of flow) known[wire] = true;
        Object.assign(moment, { phase, active, flow });
      });
      this.moments.push(next);
    }
    return this.moments[index]!;
  }

  /**
   * Where this timeline is as far as the other one at its moment: after the fold of a group, say.
   *
   * @param holds  whether a gate of this timeline is, or holds, one of the other's, or the other way round
   */
  sameAs({ phase, active }: Moment, holds: (own: string, other: string) => boolean): number {
    if (phase === "inputs") return 0;
    const found = this.steps.findLastIndex(
      (step) =>
        step.phase === phase &&
        (active === null || (step.active !== null && holds(step.active, active))),
    );
    return found + 1;
  }
}
