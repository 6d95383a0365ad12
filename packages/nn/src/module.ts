import {
  type DType,
  DTypeError,
  formatShape,
  GradError,
  isFloat,
  isInference,
  noGrad,
  ShapeError,
  show,
  Tensor,
  unscoped,
  ValueError,
  zeros,
} from "@tapegrad/core";
import { spend } from "./budget.ts";
import { inModule, joinPath } from "./call.ts";
import { drawForGood, dryRun, type InputOptions, inputsOf, type ModelInputs } from "./dry-run.ts";
import { added, type Gradients, Hooks, type RemoveHook } from "./hooks.ts";
import {
  type Arguments,
  checkConfig,
  configToJson,
  configToText,
  isOwn,
  kindOf,
  type Layer,
  type Spec,
  typeOf,
} from "./layer.ts";
import { nearest } from "./nearest.ts";
import { convert_, Parameter } from "./parameter.ts";
import { compareStates, differenceLines } from "./state.ts";

/** A module whatever its arguments and result. */
export type AnyModule = Module<never[], unknown>;

/** Name → value, in the order of PyTorch's `state_dict()`. */
export type StateDict = Map<string, Tensor>;

/** What `loadStateDict` takes: a map, or a plain object of name → tensor. */
export type StateSource = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

/** Calls a module; set by {@link Module}, whose private parts it needs. */
let call: (module: AnyModule, args: never[]) => unknown;

/** The parameters of what a spec that is being made has described so far. */
let described: Set<Parameter> | null = null;

/** Makes the instances of its subclasses callable. */
class Callable {
  constructor() {
    const self = (...args: never[]) => call(self as unknown as AnyModule, args);
    // A function's own `name` and `length` are read-only and would be in the way of fields so called.
    Reflect.deleteProperty(self, "name");
    Reflect.deleteProperty(self, "length");
    Object.setPrototypeOf(self, new.target.prototype);
    // biome-ignore lint/correctness/noConstructorReturn: fields of subclasses settle on the function
    return self as unknown as Callable;
  }
}

export interface Module<Args extends unknown[] = [Tensor], R = Tensor> {
  /** Runs `forward` as part of the model: the nodes of the tape carry the module's path. */
  // biome-ignore lint/style/useShorthandFunctionType: a type alias could not merge with the class
  (...args: Args): R;
}

/**
 * A piece of a model: parameters, buffers and other modules in its fields, and a `forward`.
 *
 * ```ts
 * class Net extends Module {
 *   hidden = new Linear(784, 256);
 *   output = new Linear(256, 10);
 *   forward(x: Tensor): Tensor {
 *     return this.output(this.hidden(x).relu());
 *   }
 * }
 * const net = new Net();
 * const scores = net(images);
 * ```
 *
 * Parameters, modules and arrays of them are found in the instance's own enumerable fields (`#private`
 * fields are not seen); names are PyTorch's: "hidden.weight", "blocks.0.bias".
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the call signature has no other place; Callable keeps the promise
export abstract class Module<Args extends unknown[] = [Tensor], R = Tensor> extends Callable {
  /** How specs describe the class; see {@link declareLayer}. Modules that specs don't know have none. */
  static readonly layer?: Layer;

  /** Whether layers that behave differently in training do so; see `train` and `eval`. */
  training = true;
  #config: Arguments;
  /** The sizes that were given as null, until the first input or a state tells them. */
  #open: readonly string[] = [];
  #hooks: Hooks | null = null;
  /** Whether the class is one of this library's, and no subclass of the user's. */
  readonly #isOurs: boolean;
  /** Name of each registered buffer → whether `stateDict` has it. */
  readonly #buffers = new Map<string, boolean>();

  /** @param config  the arguments that the class declares in `static layer`, checked here */
  constructor(config: Arguments = {}) {
    super();
    spend("maxModules", 1);
    this.#config = config;
    const layer = (new.target as typeof Module).layer;
    this.#isOurs = isOwn(new.target as typeof Module);
    if (layer !== undefined) {
      checkConfig(layer, config);
      this.#open = Object.entries(layer.fields)
        .filter(([name, field]) => field.inference !== undefined && config[name] === null)
        .map(([name]) => name);
    }
  }

  abstract forward(...args: Args): R;

  static {
    call = (module, args) => module.#run(args);
  }

  #run(args: never[]): unknown {
    const isOurs = this.#hooks === null && this.#isOurs && !Object.hasOwn(this, "forward");
    return inModule(this as AnyModule, args, isOurs, () =>
      this.#hooks === null
        ? this.#forward(args)
        : this.#hooks.run(this as AnyModule, args, (given) => this.#forward(given)),
    );
  }

  #forward(args: never[]): R {
    if (this.#open.length > 0) this.#settleFromInput(args[0]);
    return this.forward(...(args as unknown as Args));
  }

  // ---- Sizes from the first input

  /**
   * Makes the parameters and buffers of a layer some of whose sizes may be `inferred`. The constructor
   * calls it at its end if it knows the sizes; otherwise it runs before the first forward pass (or at
   * `initialize` or `loadStateDict`), after the fields of those names were set.
   *
   * ```ts
   * constructor(inFeatures: number | null) {
   *   super({ inFeatures });
   *   this.inFeatures = inFeatures;
   *   if (inFeatures !== null) this.build();
   * }
   * protected override build(): void {
   *   this.weight = new Parameter(zeros([this.inFeatures!]));
   * }
   * ```
   */
  protected build(): void {}

  /**
   * Lets layers whose sizes were left open (null) take them from a forward pass on zeros of the given
   * shapes. The pass is off the tape and in eval mode, and leaves statistics and generators alone; forward
   * hooks run.
   *
   * ```ts
   * model.initialize([1, 3, 32, 32]);
   * model.initialize([1, 12], { dtype: "int32" }); // for an embedding
   * model.initialize([images, [1, 10]]); // two inputs, one of them a Tensor
   * ```
   *
   * @param inputs  the shape of the input with its batch axis, or the input itself, or an array of these
   */
  initialize(inputs: ModelInputs, options: InputOptions = {}): this {
    if (!this.isInitialized) {
      dryRun(this as AnyModule, inputsOf("initialize", inputs, options, this.floatType));
      this.#requireSizes("initialize");
    }
    return this;
  }

  /** The float dtype that the model computes in: that of its first parameter, made or to be made. */
  get floatType(): DType {
    for (const [, module] of this.#walk()) {
      const [first] = fieldsOf(module, Parameter);
      if (first !== undefined) return first[1].dtype;
      if (module.#open.length > 0 && module.#config.dtype !== undefined)
        return module.#config.dtype as DType;
    }
    return "float32";
  }

  /** Whether this module and all below know their sizes; see `initialize`. */
  get isInitialized(): boolean {
    return this.#firstOpen() === undefined;
  }

  #firstOpen(): [string, AnyModule] | undefined {
    for (const entry of this.#walk()) if (entry[1].#open.length > 0) return entry;
    return undefined;
  }

  /** @throws ValueError if parameters are yet to be made */
  #requireSizes(what: string): void {
    const open = this.#firstOpen();
    if (open === undefined) return;
    const [path, module] = open;
    throw new ValueError(
      `${what}: ${nameOf(module, path)} has no parameters before it knows its ${module.#open.join(", ")}; run the model on an input once, or call initialize(shape), such as model.initialize([1, 3, 32, 32]).`,
    );
  }

  /** Sets the open sizes to what `tell` says and makes the parameters; returns those that it can't tell. */
  #settle(tell: (name: string) => number | undefined): readonly string[] {
    const sizes = this.#open.map((name) => [name, tell(name)] as const);
    const untold = sizes.filter(([, size]) => !(Number.isSafeInteger(size) && size! >= 1));
    if (untold.length > 0) return untold.map(([name]) => name);
    if (isInference(zeros([]))) {
      throw new GradError(
        `${typeOf(this)}: parameters can't be made inside inferenceMode; call initialize(shape) before it.`,
      );
    }
    const names = this.#open;
    this.#setSizes(Object.fromEntries(sizes));
    this.#open = [];
    try {
      drawForGood(() => unscoped([], () => noGrad(() => this.build())));
    } catch (error) {
      this.#reopen(names);
      throw error;
    }
    return [];
  }

  #setSizes(sizes: Arguments): void {
    Object.assign(this, sizes);
    this.#config = { ...this.#config, ...sizes };
  }

  /** Opens again what was settled. */
  #reopen(names: readonly string[]): void {
    this.#setSizes(Object.fromEntries(names.map((name) => [name, null])));
    this.#open = names;
  }

  #settleFromInput(x: unknown): void {
    const { fields, type } = (this.constructor as typeof Module).layer!;
    const untold = this.#settle((name) =>
      x instanceof Tensor ? fields[name]!.inference!.input(x, this.#config) : undefined,
    );
    if (untold.length > 0) {
      const got = x instanceof Tensor ? `an input of shape ${formatShape(x.shape)}` : show(x);
      throw new ShapeError(
        `${type}: ${untold.join(", ")} can't be told from ${got}; give another input, or the size itself.`,
      );
    }
  }

  /**
   * Lets every layer below that has open sizes take them from its entries of a state.
   *
   * @param settled  gets the layers that did, with the names of the sizes
   * @param strict   whether a layer that the state tells nothing is an error; otherwise it stays open
   */
  #settleFromState(
    state: ReadonlyMap<string, unknown>,
    settled: [AnyModule, readonly string[]][],
    strict: boolean,
  ): void {
    for (const [path, module] of this.#walk()) {
      if (module.#open.length === 0) continue;
      const prefix = path === "" ? "" : `${path}.`;
      const entries = Object.fromEntries(
        [...state]
          .filter(([name, x]) => name.startsWith(prefix) && x instanceof Tensor)
          .map(([name, x]) => [name.slice(prefix.length), x as Tensor]),
      );
      const { fields } = (module.constructor as typeof Module).layer!;
      const names = module.#open;
      const untold = module.#settle((name) =>
        fields[name]!.inference!.state(entries, module.#config),
      );
      if (untold.length === 0) settled.push([module, names]);
      else if (strict) {
        throw new ValueError(
          `loadStateDict: nothing in the state tells the ${untold.join(", ")} of ${nameOf(module, path)}; nothing was loaded.`,
        );
      }
    }
  }

  // ---- What is inside

  /** This module ("") and all below it, each under every name it has; parents first. */
  *#walk(prefix = "", above: readonly AnyModule[] = []): Generator<[string, AnyModule]> {
    if (above.includes(this)) {
      throw new ValueError(
        `${kindOf(this)}: "${prefix}" is a module that contains itself; keep references to parents in a #private field.`,
      );
    }
    yield [prefix, this];
    const chain = [...above, this];
    for (const [name, child] of this.namedChildren())
      yield* child.#walk(joinPath(prefix, name), chain);
  }

  /** Own parameters and buffers of every module below: the entries of `stateDict`. */
  *#state(): Generator<[string, Tensor]> {
    for (const [path, module] of this.#walk()) {
      for (const [name, parameter] of fieldsOf(module, Parameter))
        yield [joinPath(path, name), parameter];
      for (const [name, persistent] of module.#buffers) {
        const buffer = (module as unknown as Record<string, unknown>)[name];
        if (persistent && buffer instanceof Tensor) yield [joinPath(path, name), buffer];
      }
    }
  }

  /** The modules directly inside, under every name they have. */
  namedChildren(): [string, AnyModule][] {
    return fieldsOf(this, Module) as [string, AnyModule][];
  }

  /** The modules directly inside, shared ones once. */
  children(): AnyModule[] {
    return once(this.namedChildren()).map(([, child]) => child);
  }

  /** This module under the name "" and all below it, parents first, shared ones once. */
  namedModules(): [string, AnyModule][] {
    return once(this.#walk());
  }

  modules(): AnyModule[] {
    return this.namedModules().map(([, module]) => module);
  }

  /**
   * The module of that name: "encoder.layers.0"; "" is the module itself. What it is, the caller may say:
   * `model.getSubmodule<Linear>("head").weight`.
   *
   * @throws ValueError if there is none
   */
  getSubmodule<M extends AnyModule = Module>(path: string): M {
    const all = new Map(this.#walk());
    const found = all.get(path);
    if (found !== undefined) return found as M;
    const near = nearest(String(path), all.keys());
    const known = near.length > 0 ? near : [...all.keys()].slice(1);
    throw new ValueError(
      `getSubmodule: ${kindOf(this)} has no module ${show(path)}; ${near.length > 0 ? "did you mean" : "it has"} ${known.join(", ") || "none"}${near.length > 0 ? "?" : "."}`,
    );
  }

  /**
   * Every parameter with its name, shared ones once, under the first name.
   *
   * @param options.recurse  false: only the module's own, not those of modules below. Default true
   */
  namedParameters({ recurse = true } = {}): [string, Parameter][] {
    this.#requireSizes("parameters");
    return once(
      this.#modules(recurse).flatMap(([path, module]) =>
        fieldsOf(module, Parameter).map(([name, p]): [string, Parameter] => [
          joinPath(path, name),
          p,
        ]),
      ),
    );
  }

  /** Every parameter once: what an optimizer takes. */
  parameters(options?: { recurse?: boolean }): Parameter[] {
    return this.namedParameters(options).map(([, parameter]) => parameter);
  }

  /** Every buffer with its name, as {@link namedParameters} lists parameters. */
  namedBuffers({ recurse = true } = {}): [string, Tensor][] {
    this.#requireSizes("buffers");
    return once(
      this.#modules(recurse).flatMap(([path, module]) =>
        [...module.#buffers.keys()].map((name): [string, Tensor] => [
          joinPath(path, name),
          (module as unknown as Record<string, Tensor>)[name]!,
        ]),
      ),
    );
  }

  /** Tensors that belong to the model's state without being trained. */
  buffers(options?: { recurse?: boolean }): Tensor[] {
    return this.namedBuffers(options).map(([, buffer]) => buffer);
  }

  #modules(recurse: boolean): [string, AnyModule][] {
    return recurse ? this.namedModules() : [["", this as AnyModule]];
  }

  #requireFreeName(where: string, name: string): void {
    if (typeof name !== "string" || name === "" || name.includes(".")) {
      throw new ValueError(`${where}: the name is ${show(name)}; it must be a word without dots.`);
    }
    if (name in this) {
      throw new ValueError(
        `${where}: "${name}" is already a member of the module; use another name.`,
      );
    }
  }

  /**
   * Makes a parameter the field `name`, for names that the program makes up: "weight_ih_l0". Otherwise a
   * plain field does the same.
   */
  registerParameter(name: string, parameter: Parameter): void {
    const where = `${kindOf(this)}.registerParameter`;
    this.#requireFreeName(where, name);
    if (!(parameter instanceof Parameter)) {
      throw new ValueError(`${where}: "${name}" is ${show(parameter)}; it must be a Parameter.`);
    }
    (this as unknown as Record<string, Parameter>)[name] = parameter;
  }

  /**
   * Makes `tensor` the field `name` and part of the model's state (running statistics, tables).
   * Unless `persistent`, `stateDict` leaves it out.
   */
  registerBuffer(name: string, tensor: Tensor, { persistent = true } = {}): void {
    const where = `${kindOf(this)}.registerBuffer`;
    if (!this.#buffers.has(name)) this.#requireFreeName(where, name);
    if (!(tensor instanceof Tensor)) {
      throw new ValueError(`${where}: "${name}" is ${show(tensor)}; it must be a Tensor.`);
    }
    (this as unknown as Record<string, Tensor>)[name] = tensor;
    this.#buffers.set(name, persistent);
  }

  // ---- State

  /**
   * The parameters and buffers by name, in PyTorch's order. They are off the tape and share storage
   * with the model, so they follow its training: `clone()` them to keep a moment.
   */
  stateDict(): StateDict {
    this.#requireSizes("stateDict");
    return new Map([...this.#state()].map(([name, x]) => [name, x.detach()]));
  }

  /**
   * Copies the values of `state` into the parameters and buffers of the same names, converting floats
   * to the model's dtype. Everything is checked before anything is written.
   *
   * @param options.strict  whether missing and unexpected names are errors. Default true
   * @returns  the names that `state` lacks, and those that the model lacks
   * @throws   ValueError listing all missing and unexpected names, and all shapes that differ
   */
  loadStateDict(
    state: StateSource,
    { strict = true } = {},
  ): { missing: string[]; unexpected: string[] } {
    const given = new Map(state instanceof Map ? state : Object.entries(state)) as Map<
      string,
      unknown
    >;
    const settled: [AnyModule, readonly string[]][] = [];
    try {
      this.#settleFromState(given, settled, strict);
      return this.#load(given, strict);
    } catch (error) {
      for (const [module, names] of settled) module.#reopen(names);
      throw error;
    }
  }

  #load(given: ReadonlyMap<string, unknown>, strict: boolean) {
    const own = new Map(this.#state());
    const difference = compareStates(own, given);
    const lines = differenceLines(difference, own, given, { strict });
    if (lines.length > 0) {
      const hint =
        difference.mismatched.length === 0 ? "\nPass { strict: false } to load what fits." : "";
      throw new ValueError(
        `loadStateDict: the state does not fit ${kindOf(this)}; nothing was loaded.\n  ${lines.join("\n  ")}${hint}`,
      );
    }
    noGrad(() => {
      for (const [name, x] of own) if (given.has(name)) x.copy_(given.get(name) as Tensor);
    });
    const { missing, unexpected } = difference;
    return { missing, unexpected };
  }

  // ---- Modes

  /** Puts this module and all below into training mode, or out of it. */
  train(mode = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** Out of training mode: dropout passes everything, and so on. */
  eval(): this {
    return this.train(false);
  }

  /** Starts or stops the training of every parameter. */
  requiresGrad_(requiresGrad = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(requiresGrad);
    return this;
  }

  /** Forgets the gradients of every parameter. */
  zeroGrad(): this {
    for (const parameter of this.parameters()) parameter.grad = null;
    return this;
  }

  /**
   * Turns the float parameters and buffers into another float dtype, in place: optimizers keep their hold of
   * them. Gradients follow; specs say the new dtype.
   *
   * @throws DTypeError unless the dtype is float32 or float64
   */
  to(dtype: DType): this {
    if (typeof dtype !== "string" || !isFloat(dtype)) {
      throw new DTypeError(
        `to: the dtype is ${show(dtype)}; parameters can be float32 or float64.`,
      );
    }
    for (const x of [...this.parameters(), ...this.buffers()])
      if (isFloat(x.dtype)) convert_(x, dtype);
    for (const module of this.modules()) {
      const { layer } = module.constructor as typeof Module;
      if (layer === undefined || !Object.hasOwn(layer.fields, "dtype")) continue;
      module.#config = { ...module.#config, dtype };
      if (Object.hasOwn(module, "dtype")) Object.assign(module, { dtype });
    }
    return this;
  }

  /** Calls f with every module, children before parents. */
  apply(f: (module: AnyModule) => void): this {
    for (const child of this.children()) child.apply(f);
    f(this);
    return this;
  }

  // ---- Hooks

  #ownHooks(): Hooks {
    this.#hooks ??= new Hooks();
    return this.#hooks;
  }

  /**
   * Calls `hook` with the arguments of every call, before `forward`; an array that it returns takes their
   * place.
   *
   * @returns a function that removes the hook
   */
  registerForwardPreHook<A extends unknown[] = Args>(
    hook: (module: this, args: A) => A | undefined,
  ): RemoveHook;
  registerForwardPreHook<A extends unknown[] = Args>(
    hook: (module: this, args: A) => void,
  ): RemoveHook;
  registerForwardPreHook(hook: unknown): RemoveHook {
    return added("registerForwardPreHook", this.#ownHooks().pre, hook);
  }

  /** Calls `hook` after `forward`; what it returns, unless undefined, takes the output's place. */
  registerForwardHook<A extends unknown[] = Args, O = R>(
    hook: (module: this, args: A, output: O) => O | undefined,
  ): RemoveHook;
  registerForwardHook<A extends unknown[] = Args, O = R>(
    hook: (module: this, args: A, output: O) => void,
  ): RemoveHook;
  registerForwardHook(hook: unknown): RemoveHook {
    return added("registerForwardHook", this.#ownHooks().forward, hook);
  }

  /**
   * Calls `hook` in every backward pass through the module, once the gradients of its inputs are known.
   * gradInput has one for each argument of `forward` (null for those that need none), gradOutput one for
   * each tensor in its output. Gradients that the hook returns go on to the inputs in the place of gradInput.
   * Tensors within arrays or objects of arguments are not seen; inputs must not be changed in place.
   */
  registerBackwardHook(
    hook: (module: this, gradInput: Gradients, gradOutput: Gradients) => Gradients | undefined,
  ): RemoveHook;
  registerBackwardHook(
    hook: (module: this, gradInput: Gradients, gradOutput: Gradients) => void,
  ): RemoveHook;
  registerBackwardHook(hook: unknown): RemoveHook {
    return added("registerBackwardHook", this.#ownHooks().backward, hook);
  }

  // ---- Descriptions

  /** The arguments as they are now: modules among them may have been replaced since. */
  #arguments(layer: Layer): Arguments {
    const fields = this as unknown as Arguments;
    const live = Object.entries(layer.fields)
      .filter(([name, field]) => field.json !== undefined && name in fields)
      .map(([name]) => [name, fields[name]]);
    return { ...this.#config, ...Object.fromEntries(live) };
  }

  /**
   * The module as plain JSON, from which `fromSpec` rebuilds it (with fresh parameters).
   *
   * @throws ValueError if the class declares no layer, and if modules share parameters, which would come
   *   back as two
   */
  get spec(): Spec {
    const { name } = this.constructor;
    // A subclass that inherits a declaration would come back as its parent, so it needs its own.
    if (!Object.hasOwn(this.constructor, "layer")) {
      throw new ValueError(
        `spec: ${name} declares no layer; give the class a static layer = declareLayer("${name[0]!.toLowerCase()}${name.slice(1)}", …).`,
      );
    }
    const layer = (this.constructor as typeof Module).layer!;
    const outer = described;
    described ??= new Set();
    try {
      // What a layer without modules among its arguments shares inside, its constructor makes again.
      if (!Object.values(layer.fields).some((field) => field.json))
        this.#requireUnshared(described);
      return { type: layer.type, ...configToJson(layer, this.#arguments(layer)) };
    } finally {
      described = outer;
    }
  }

  #requireUnshared(others: Set<Parameter>): void {
    const own = [...this.#walk()].flatMap(([, module]) =>
      fieldsOf(module, Parameter).map(([, parameter]) => parameter),
    );
    if (own.some((parameter) => others.has(parameter))) {
      throw new ValueError(
        `spec: a ${typeOf(this)} shares parameters with another module, which a spec can't say; write a layer that holds both and make it known with registerLayer.`,
      );
    }
    for (const parameter of own) others.add(parameter);
  }

  /** The tree of modules with their arguments, as PyTorch prints it. */
  override toString(): string {
    const layer = (this.constructor as typeof Module).layer;
    const facts = layer === undefined ? "" : configToText(layer, this.#arguments(layer));
    const children = this.namedChildren();
    if (children.length === 0) return `${kindOf(this)}(${facts})`;
    const lines = children.map(
      ([name, child]) => `(${name}): ${child.toString().replaceAll("\n", "\n  ")}`,
    );
    if (facts !== "") lines.unshift(facts);
    return `${kindOf(this)}(\n${lines.map((line) => `  ${line}\n`).join("")})`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** The first name of each value. */
function once<T>(named: Iterable<[string, T]>): [string, T][] {
  const seen = new Set<T>();
  return [...named].filter(([, value]) => !seen.has(value) && seen.add(value));
}

/** The instances of a class among a module's fields and in arrays there. */
function fieldsOf<T>(module: AnyModule, kind: abstract new (...args: never[]) => T): [string, T][] {
  const found: [string, T][] = [];
  const collect = (name: string, value: unknown) => {
    if (value instanceof kind) found.push([name, value]);
    else if (Array.isArray(value))
      for (const [i, item] of value.entries()) collect(`${name}.${i}`, item);
  };
  for (const [name, value] of Object.entries(module)) collect(name, value);
  return found;
}

function nameOf(module: AnyModule, path: string): string {
  return path === "" ? typeOf(module) : `${typeOf(module)} "${path}"`;
}
