import {
  enableGrad,
  formatShape,
  full,
  GradError,
  isFloat,
  noGrad,
  peekGrad,
  ShapeError,
  show,
  Tensor,
  updateAllInPlace,
  ValueError,
} from "@tapegrad/core";
import { checkHyper, type HyperFields, settle } from "./hyper.ts";
import { drop } from "./scratch.ts";

/** Parameters that are trained with hyper-parameters of their own; what is left out has its default. */
export type GroupOptions<H> = { params: readonly Tensor[] } & Partial<H>;

/** Parameters, or groups of them. */
export type Trainable<H> = readonly Tensor[] | readonly GroupOptions<H>[];

/** A group at work: every hyper-parameter is there, and may be changed between steps. */
export type Group<H> = { readonly params: readonly Tensor[] } & H;

/** What an optimizer asks of its groups beyond what each hyper-parameter alone must be. */
export interface GroupRules<H> {
  /** Throws where values don't go together, or don't go with the parameters. */
  check?(group: Group<H>, where: string): void;
  /** There can be only one group. */
  readonly single?: boolean;
}

/** What an optimizer remembers of one parameter: tensors of its shape, and numbers such as `step`. */
export type State = Record<string, Tensor | number>;

/** Everything an optimizer needs to go on exactly where it was. Parameters are numbered in order. */
export interface OptimizerState {
  optimizer: string;
  groups: ({ params: number[] } & Record<string, unknown>)[];
  /** By parameter; null for one that was not updated yet. */
  state: (State | null)[];
}

/** What all optimizers share: groups, hyper-parameters, state. A subclass says what a step does. */
export abstract class Optimizer<H extends { lr: number }> {
  readonly groups: Group<H>[] = [];
  readonly defaults: Readonly<H>;
  readonly #name: string;
  readonly #fields: HyperFields;
  readonly #rules: GroupRules<H>;
  #state = new Map<Tensor, State>();

  /**
   * @param params   leaves that require grad, or groups of them: [{ params, lr: 0.1 }, { params }]
   * @param options  hyper-parameters for all groups that don't set their own
   * @throws ValueError for an empty list, anything but tensors, a tensor that appears twice, and
   *   hyper-parameters out of range; GradError for tensors that can't be trained
   */
  constructor(
    name: string,
    fields: HyperFields,
    params: Trainable<H>,
    options: Readonly<Partial<H>>,
    rules: GroupRules<H> = {},
  ) {
    this.#name = name;
    this.#fields = fields;
    this.#rules = rules;
    this.defaults = settle(name, fields, options as Record<string, never>) as unknown as H;
    if (!Array.isArray(params)) {
      throw new ValueError(
        `${name}: params is ${show(params)}; it must be an array of tensors, such as model.parameters(), or of groups { params, lr }.`,
      );
    }
    const grouped = params.some((item) => !(item instanceof Tensor) && item?.params !== undefined);
    const groups = (grouped ? params : [{ params }]) as readonly GroupOptions<H>[];
    for (const group of groups) this.#add(group, grouped ? this.#nextGroup() : name);
    if (this.#parameters().length === 0) {
      throw new ValueError(
        `${name}: the list of parameters is empty; pass tensors that require grad, such as model.parameters().`,
      );
    }
  }

  /**
   * Updates the parameters by their gradients. A `closure`, which computes the loss and calls `backward`,
   * is run first (by some optimizers, several times), with recording on.
   *
   * @returns what the closure returned first
   */
  abstract step(): void;
  abstract step<L>(closure: () => L): L;

  /**
   * Trains further parameters with hyper-parameters of their own from now on, such as layers that were
   * frozen before.
   *
   * @throws as the constructor; nothing is changed then
   */
  addParamGroup(group: GroupOptions<H>): void {
    this.#add(group, this.#nextGroup());
  }

  #nextGroup(): string {
    return `${this.#name}: group ${this.groups.length}`;
  }

  #add(group: GroupOptions<H>, where: string): void {
    if (!Array.isArray(group?.params)) {
      throw new ValueError(
        `${where}: params is ${show(group?.params)}; it must be an array of tensors.`,
      );
    }
    if (this.#rules.single && this.groups.length > 0) {
      throw new ValueError(`${where}: ${this.#name} has one group for all parameters, no second.`);
    }
    const { params, ...options } = group;
    checkHyper(where, this.#fields, options);
    this.#checkParameters(params);
    const added = { ...this.defaults, ...options, params: [...params] } as Group<H>;
    this.#rules.check?.(added, where);
    this.groups.push(added);
  }

  #checkParameters(added: readonly Tensor[]): void {
    const before = this.#parameters();
    const seen = new Set(before);
    added.forEach((x, i) => {
      const where = `${this.#name}: parameter ${before.length + i}`;
      if (!(x instanceof Tensor)) {
        throw new ValueError(`${where} is ${show(x)}; it must be a Tensor.`);
      }
      const what = `${where} (${x.dtype} ${formatShape(x.shape)})`;
      if (!x.isLeaf) {
        throw new GradError(
          `${what} was made by ${x.gradFn!.name}; only leaves can be trained: use the tensor that it was made from, or detach() it.`,
        );
      }
      if (!isFloat(x.dtype)) {
        throw new GradError(`${what} has no gradient; it must be float32 or float64.`);
      }
      if (seen.has(x)) {
        throw new ValueError(`${what} appears twice; each tensor belongs to one group, once.`);
      }
      seen.add(x);
    });
  }

  #parameters(): Tensor[] {
    return this.groups.flatMap((group) => group.params);
  }

  /** What messages call it. */
  protected get name(): string {
    return this.#name;
  }

  /** What is remembered of a parameter; empty at first, kept from step to step. */
  protected stateOf(parameter: Tensor): State {
    let state = this.#state.get(parameter);
    if (state === undefined) {
      state = {};
      this.#state.set(parameter, state);
    }
    return state;
  }

  /** Forgets the gradients, so that the next `backward` starts anew. */
  zeroGrad(): void {
    for (const parameter of this.#parameters()) parameter.grad = null;
  }

  /** The learning rate: of the first group when read, of all groups when set. */
  get lr(): number {
    return this.groups[0]!.lr;
  }

  set lr(lr: number) {
    checkHyper(this.#name, this.#fields, { lr });
    for (const group of this.groups) group.lr = lr;
  }

  /** What `loadStateDict` takes. Tensors share storage with the optimizer's: `clone()` to keep a moment. */
  stateDict(): OptimizerState {
    const all = this.#parameters();
    const numbers = new Map(all.map((x, i) => [x, i]));
    return {
      optimizer: this.#name,
      groups: this.groups.map(({ params, ...hyper }) => ({
        ...hyper,
        params: params.map((x) => numbers.get(x)!),
      })),
      state: all.map((x) => {
        const state = this.#state.get(x);
        return state === undefined ? null : { ...state };
      }),
    };
  }

  /**
   * Goes on where the optimizer that gave `saved` was: hyper-parameters and state are copied.
   *
   * @throws ValueError, ShapeError if the saved groups or shapes are not this optimizer's; nothing is changed then
   */
  loadStateDict(saved: OptimizerState): void {
    const where = `${this.#name}.loadStateDict`;
    if (saved?.optimizer !== this.#name) {
      throw new ValueError(
        `${where}: the state is of ${show(saved?.optimizer)}; it must be of "${this.#name}".`,
      );
    }
    const all = this.#parameters();
    const sizes = (groups: readonly { params: readonly unknown[] }[]) =>
      show(groups.map((group) => group.params.length));
    if (sizes(saved.groups) !== sizes(this.groups)) {
      throw new ValueError(
        `${where}: the state's groups have ${sizes(saved.groups)} parameters and the optimizer's ${sizes(this.groups)}; they must be equal.`,
      );
    }
    if (saved.state?.length !== all.length) {
      throw new ValueError(
        `${where}: the state has entries for ${saved.state?.length ?? "no"} parameters; it must have ${all.length}, some perhaps null.`,
      );
    }
    const groups = saved.groups.map(({ params: _, ...hyper }, i) => {
      const group = `${where}: group ${i}`;
      checkHyper(group, this.#fields, hyper);
      const whole = { ...this.groups[i]!, ...hyper };
      this.#rules.check?.(whole, group);
      return whole;
    });
    const states = new Map<Tensor, State>();
    all.forEach((x, i) => {
      const state = saved.state[i];
      if (state) states.set(x, copyState(`${where}: parameter ${i}`, x, state));
    });
    for (const [i, group] of this.groups.entries()) Object.assign(group, groups[i]);
    this.#state = states;
  }

  toString(): string {
    const groups = this.groups.map(({ params, ...hyper }) => {
      const facts = Object.entries(hyper).map(([name, value]) => `${name}=${show(value)}`);
      return `${params.length} parameters, ${facts.join(", ")}`;
    });
    return `${this.#name}(${groups.join("; ")})`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** A fused kernel's step for one parameter, as `updateInPlace` takes it. */
export type FusedUpdate = readonly [
  name: Parameters<typeof updateAllInPlace>[0],
  tensors: readonly Tensor[],
  hyper: readonly number[],
];

/**
 * An optimizer that updates each parameter by itself, from its gradient. A subclass declares its
 * hyper-parameters and says how one parameter is updated.
 */
export abstract class FirstOrderOptimizer<
  H extends { lr: number; maximize?: boolean },
> extends Optimizer<H> {
  /**
   * The fused step of one parameter, which joins those of the others in one kernel call; or changes the parameter
   * itself and returns nothing. Runs inside `noGrad`. `state` starts empty and is kept from step to step; `grad` may
   * not be kept, since `zeroGrad` returns its memory. With `maximize` it is the negative of the parameter's.
   */
  protected abstract update(
    parameter: Tensor,
    grad: Tensor,
    group: Group<H>,
    state: State,
    // biome-ignore lint/suspicious/noConfusingVoidType: a subclass that does it all itself returns nothing
  ): FusedUpdate | void;

  /** Updates every parameter that has a gradient; one without is left alone, weight decay included. */
  override step(): void;
  override step<L>(closure: () => L): L;
  override step<L>(closure?: () => L): L | undefined {
    const loss = closure === undefined ? undefined : enableGrad(closure);
    noGrad(() => {
      const negated: Tensor[] = [];
      const updates = new Map<string, { of: FusedUpdate; lists: (readonly Tensor[])[] }>();
      for (const group of this.groups) {
        for (const parameter of group.params) {
          const grad = peekGrad(parameter);
          if (grad === null) continue;
          const downhill = group.maximize ? grad.neg() : grad;
          if (downhill !== grad) negated.push(downhill);
          const fused = this.update(parameter, downhill, group, this.stateOf(parameter));
          if (!fused) continue;
          const [name, tensors, hyper] = fused;
          const key = `${name} ${hyper.join(" ")}`;
          const alike = updates.get(key);
          if (alike === undefined) updates.set(key, { of: fused, lists: [tensors] });
          else alike.lists.push(tensors);
        }
      }
      for (const { of, lists } of updates.values()) {
        updateAllInPlace(of[0], lists, of[2], `${this.name}.step`);
      }
      drop(...negated);
    });
    return loss;
  }
}

function copyState(where: string, parameter: Tensor, state: State): State {
  const copy = Object.entries(state).map(([name, value]) => {
    if (typeof value === "number") return [name, value] as const;
    if (!(value instanceof Tensor)) {
      throw new ValueError(`${where}: ${name} is ${show(value)}; it must be a Tensor or a number.`);
    }
    if (formatShape(value.shape) !== formatShape(parameter.shape)) {
      throw new ShapeError(
        `${where}: ${name} has shape ${formatShape(value.shape)} and the parameter ${formatShape(parameter.shape)}; they must be equal.`,
      );
    }
    return [name, value.detach().to(parameter.dtype).clone()] as const;
  });
  return Object.fromEntries(copy);
}

/** The tensor that the state holds under `name`; like the parameter, and `value` everywhere, at first. */
export function stateTensor(state: State, name: string, parameter: Tensor, value = 0): Tensor {
  state[name] ??= full(parameter.shape, value, { dtype: parameter.dtype });
  return state[name] as Tensor;
}

/** The number that the state holds under `name`; `value` at first. */
export function stateNumber(state: State, name: string, value: number): number {
  return (state[name] as number | undefined) ?? value;
}

/** Counts the parameter's steps: 1 at the first. */
export function nextStep(state: State): number {
  const step = stateNumber(state, "step", 0) + 1;
  state.step = step;
  return step;
}
