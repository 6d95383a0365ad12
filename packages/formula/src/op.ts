/**
 * Ops from expressions. A formula's op has the formula's inputs. The gradient of an input is an op as
 * well: its inputs are the gradient that arrives, the inputs, and what the forward pass kept. Such a
 * kept value has no gradient of its own, because it is only a name for an expression in the inputs,
 * by which every derivative is taken.
 */
import {
  type BatchRule,
  defineOp,
  isGradEnabled,
  type OpFunction,
  type Tensor,
  type TensorLike,
} from "@tapegrad/core";
import { derive, times } from "./derive.ts";
import { type Expression, type Expressions, type Input, reachable } from "./expression.ts";
import { lower, primitiveOf } from "./functions.ts";
import { Program } from "./program.ts";
import { extent, toTex } from "./render.ts";

/** What an op is made of. */
export interface Parts {
  readonly e: Expressions;
  readonly root: Expression;
  readonly inputs: readonly Input[];
  /** What formulas call the inputs. */
  readonly names: readonly string[];
  readonly name: string;
}

type Saved = Readonly<Record<string, Tensor>>;
type Rule = (dy: Tensor, saved: Saved) => Tensor;

/** Whether elements meet others, along an axis. */
export function mixes(root: Expression): boolean {
  return reachable([root]).some(
    (x) => x.type === "call" && primitiveOf(x.name).shape !== undefined,
  );
}

/** The base, or the base with the fewest underscores that is not taken yet. */
export function freeName(base: string, taken: readonly string[]): string {
  return taken.includes(base) ? freeName(`${base}_`, taken) : base;
}

/** Op inputs may not be called as an output, nor as the reader of saved values calls its node. */
function opNames(names: readonly string[]): string[] {
  const taken = ["y", "node"];
  for (const name of names) taken.push(freeName(name, taken));
  return taken.slice(2);
}

/** The gradients that flow to the inputs, with the expression of the one that arrives. */
class Flow {
  readonly seed: Input;
  private readonly parts: Parts;
  private derived: readonly (Expression | null)[] | null = null;

  constructor(parts: Parts) {
    this.parts = parts;
    const { e, names } = parts;
    this.seed = e.input(freeName("dy", names));
  }

  /** By input; null where it is 0 everywhere. Derived at the first use. */
  get gradients(): readonly (Expression | null)[] {
    this.derived ??= this.derive();
    return this.derived;
  }

  private derive(): (Expression | null)[] {
    const { e, root, inputs } = this.parts;
    if (root.kind === "truth") return inputs.map(() => null);
    // Without an axis the local gradient comes first: its derivatives then are short.
    const mixing = mixes(root);
    const gradients = derive(e, root, mixing ? this.seed : e.constant(1));
    return inputs.map((input) => {
      const gradient = gradients.get(input);
      if (gradient === undefined) return null;
      return mixing ? gradient : times(e, this.seed, gradient);
    });
  }
}

/**
 * The op of an expression, one output.
 *
 * @param kept  expressions whose values come as further inputs, by their names; they have no gradient
 */
export function makeOp(
  parts: Parts,
  kept: ReadonlyMap<Expression, string> = new Map(),
): OpFunction<TensorLike[]> {
  const { e, root, inputs, names, name } = parts;
  const [lowered] = lower(e, [root]) as [Expression];
  const keptNames = [...kept.values()];
  const all = opNames([...names, ...keptNames]);
  const program = new Program(name, [lowered], [...inputs, ...kept.keys()]);
  const flow = new Flow(parts);
  const available = new Map<Expression, string>(
    [...inputs, ...kept.keys()].map((x, i) => [x, all[i]!]),
  );
  return defineOp({
    name,
    redefine: true,
    inputs: all,
    domain: "float",
    ...(mixes(root) ? {} : { batch: "broadcast" as const }),
    ...(root.kind === "truth" ? { dtype: () => "bool" as const } : {}),
    shape: (given: Saved) => program.shapes(all.map((key) => given[key]!.shape))[0]!,
    forward: (given: Saved, y, kernels) =>
      program.run(
        kernels,
        all.map((key) => given[key]!),
        [y],
      ),
    saves: all as never[],
    grad: Object.fromEntries(
      all.map((key, i) => [
        key,
        i >= inputs.length || root.kind === "truth" ? null : rule(parts, flow, i, available),
      ]),
    ),
    symbol: name,
    tex: texOf(parts, all),
  }) as unknown as OpFunction<TensorLike[]>;
}

/** The gradient of an input as an op of the one that arrives and of saved values, by their names. */
interface Derived {
  readonly f: OpFunction<TensorLike[]>;
  readonly reads: readonly string[];
}

/**
 * The rule of the i-th input: one op, made at its first use from what is at hand. Where the gradient is recorded,
 * that leaves `extras` out, which are constants to the tape.
 */
function rule(
  parts: Parts,
  flow: Flow,
  i: number,
  available: ReadonlyMap<Expression, string>,
  extras: readonly string[] = [],
): Rule {
  const lasting = new Map([...available].filter(([, key]) => !extras.includes(key)));
  let derived: Derived | undefined;
  let recorded: Derived | undefined;
  return (dy, saved) => {
    const gradient = flow.gradients[i]!;
    if (gradient === null) return dy.mul(0);
    if (gradient === flow.seed) return dy;
    const recording = isGradEnabled();
    if (recording) recorded ??= gradientOp(parts, flow, i, lasting);
    else derived ??= gradientOp(parts, flow, i, available);
    const { f, reads } = recording ? recorded! : derived!;
    return f(dy, ...reads.map((key) => saved[key]!));
  };
}

function gradientOp(
  { e, names, name }: Parts,
  flow: Flow,
  i: number,
  available: ReadonlyMap<Expression, string>,
): Derived {
  const gradient = flow.gradients[i]!;
  const stop = (x: Expression) => x.type === "call" && available.has(x);
  const runs = new Set(reachable(lower(e, [gradient]), stop));
  // A kept value spares computing; its inputs are needed all the same, to derive by.
  const depends = new Set(reachable([gradient]));
  const inputs = [...available.keys()].filter(
    (x): x is Input => x.type === "input" && depends.has(x),
  );
  const kept = [...available].filter(([x]) => x.type === "call" && runs.has(x));
  const f = makeOp(
    {
      e,
      root: gradient,
      inputs: [flow.seed, ...inputs],
      names: [flow.seed.name, ...inputs.map((x) => x.name)],
      name: `${name}: d${names[i]}`,
    },
    new Map(kept),
  );
  const order = [...inputs, ...kept.map(([x]) => x)];
  return { f, reads: order.map((x) => available.get(x)!) };
}

/**
 * How vmap runs an op with extras. These show some of the inputs only, so that, if inputs were left to broadcast,
 * one might have no samples in front; every input gets them.
 */
const samplesInFront: BatchRule = ({ call, inputs, batched, size }) => {
  const rank = Math.max(...inputs.map((x, i) => (batched[i] ? x.rank - 1 : x.rank)));
  return call(
    inputs.map((x, i) => {
      const own = batched[i] ? x.shape.slice(1) : x.shape;
      const shape = [...new Array<number>(rank - own.length).fill(1), ...own];
      return batched[i] ? x.reshape([size, ...shape]) : x.expand([size, ...shape]);
    }),
  );
};

/**
 * The same op for arrays that need gradients: what the backward pass would compute again at some cost
 * becomes an extra of the op, which goes back with the node. Saves just what the gradients read.
 */
export function withCaches(parts: Parts): OpFunction<TensorLike[]> {
  const { e, root, inputs, names, name } = parts;
  const flow = new Flow(parts);
  const [lowered, ...gradients] = lower(e, [
    root,
    ...flow.gradients.filter((gradient) => gradient !== null),
  ]) as [Expression, ...Expression[]];
  const kept = worthKeeping(lowered, gradients).filter((x) => x !== lowered);
  const all = opNames(names);
  const filled = ["y"];
  for (const _ of kept) filled.push(freeName(`kept${filled.length}`, all));
  const extras = filled.slice(1);
  const available = new Map<Expression, string>([
    ...inputs.map((x, i) => [x, all[i]!] as const),
    ...[lowered, ...kept]
      .map((x, i) => [x, filled[i]!] as const)
      .filter(([x]) => x.type === "call"),
  ]);
  const stop = (x: Expression) => x.type === "call" && available.has(x);
  const read = new Set(reachable(gradients, stop));
  for (const x of reachable(gradients)) if (x.type === "input") read.add(x);
  const program = new Program(name, [lowered, ...kept], inputs);
  return defineOp({
    name,
    redefine: true,
    inputs: all,
    extras,
    domain: "float",
    ...(mixes(root) ? {} : { batch: samplesInFront }),
    shapes: (given: Saved) => {
      const shapes = program.shapes(all.map((key) => given[key]!.shape));
      return Object.fromEntries(filled.map((key, i) => [key, { shape: shapes[i]! }]));
    },
    forwardAll: (given: Saved, results: Saved, kernels) =>
      program.run(
        kernels,
        all.map((key) => given[key]!),
        filled.map((key) => results[key]!),
      ),
    saves: [...available]
      .filter(([x, key]) => read.has(x) && !extras.includes(key))
      .map(([, key]) => key),
    grad: Object.fromEntries(all.map((key, i) => [key, rule(parts, flow, i, available, extras)])),
    symbol: name,
    tex: texOf(parts, all),
  }) as unknown as OpFunction<TensorLike[]>;
}

/**
 * Costly expressions that gradients read: of the forward pass, or of several gradients alike. What
 * lies below a kept one is not needed for it.
 */
function worthKeeping(root: Expression, gradients: readonly Expression[]): Expression[] {
  const forward = new Set(reachable([root]));
  const costly = (x: Expression): boolean =>
    x.type === "call" && x.value === null && primitiveOf(x.name).costly === true;
  const readers = new Map<Expression, number>();
  for (const gradient of gradients)
    for (const x of reachable([gradient], (y) => costly(y) && forward.has(y)))
      if (costly(x)) readers.set(x, (readers.get(x) ?? 0) + 1);
  return [...readers].filter(([x, count]) => forward.has(x) || count > 1).map(([x]) => x);
}

/** Formulas for pictures, written when looked at; one that would fill a page is left as a call. */
function texOf(
  { e, root, inputs, names, name }: Parts,
  all: readonly string[],
): { readonly y: string } {
  const short = (x: Expression): string =>
    extent(x)[0] > 200
      ? `\\operatorname{${name.replace(/\W/g, "")}}\\left(${names.join(", ")}\\right)`
      : toTex(x);
  const tex = {
    get y() {
      return short(root);
    },
  };
  if (root.kind === "truth" || mixes(root)) return tex;
  inputs.forEach((input, i) => {
    Object.defineProperty(tex, all[i]!, {
      enumerable: true,
      get: () => short(derive(e, root, e.constant(1)).get(input) ?? e.constant(0)),
    });
  });
  return tex;
}
