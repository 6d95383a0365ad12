/** What users write to define an op, and the checks of it. */
import type {
  BinaryName,
  DType,
  Kernels,
  StepName,
  TypedArray,
  UnaryName,
} from "@tapegrad/kernels";
import type { Attributes } from "./attributes.ts";
import { ValueError } from "./errors.ts";
import type { ArrayKernel, NumberFunction } from "./fill.ts";
import type { Shape } from "./shape.ts";
import { show } from "./show.ts";
import type { Tensor } from "./tensor.ts";

/** Shape, strides and offset under which a view op shows its input's storage. */
export interface Layout {
  shape: Shape;
  strides: Shape;
  offset: number;
}

const domains = ["float", "number", "any"] as const;

/** Which dtypes an op computes in: floats only (integers become float32), any number, or as given. */
export type Domain = (typeof domains)[number];

export type Values<Names extends string> = Readonly<Record<Names, Tensor>>;
type Arrays<Names extends string> = Readonly<Record<Names, TypedArray>>;
type Shapes<Names extends string> = Readonly<Record<Names, Shape>>;
type Saved<Names extends string> = {
  readonly [N in Names]: N extends `${string}Shape` ? Shape : Tensor;
};

/**
 * The local gradient of one input: dy is the gradient arriving at the output (a record by name when
 * the op has several outputs), `saved` what the op saves, `attrs` its attributes. Written in tensor
 * ops, so that it can be differentiated again. The tape adds contributions up, undoes broadcasting
 * and checks the shape. `index` counts the inputs of a variadic op.
 */
export type GradRule<S extends string = string, A = unknown, O extends string = never> = (
  dy: [O] extends [never] ? Tensor : Values<O>,
  saved: Saved<S>,
  attrs: A,
  index: number,
) => Tensor;

/** A call of an op inside `vmap`, as its {@link BatchRule} gets it. */
export interface BatchCall<A = unknown> {
  /** The op itself, on tensors that have all samples. */
  call(inputs: readonly Tensor[], attrs?: A): Tensor | Record<string, Tensor>;
  /** In the order of the op's inputs; all samples along a first axis where `batched` says so. */
  inputs: readonly Tensor[];
  batched: readonly boolean[];
  attrs: A;
  /** Number of samples. */
  size: number;
}

/** How an op runs for all samples at once; the outputs have the samples along their first axis. */
export type BatchRule<A = unknown> = (call: BatchCall<A>) => Tensor | Record<string, Tensor>;

export interface Common<I extends string, S extends string, A, O extends string> {
  /** What errors, gradFn and pictures call the op; no other op may have the name. */
  name: string;
  /** Whether an op of the same name may exist and is replaced, as where a cell of a notebook runs again. */
  redefine?: boolean;
  /** Names of the inputs, in the order of the arguments. */
  inputs: readonly I[];
  /** Inputs (by name), outputs ("y", or by name) and input shapes ("aShape") that rules read. */
  saves?: readonly S[];
  /** One rule per input; null says "not differentiable". */
  grad: { readonly [N in I]: GradRule<NoInfer<S>, A, O> | null };
  /**
   * The gradients of several inputs in one go, where that saves work: those that it returns, by name, take the place
   * of their rules. `wanted` says which of them somebody waits for.
   */
  gradTogether?: (
    dy: [O] extends [never] ? Tensor : Values<O>,
    saved: Saved<NoInfer<S>>,
    attrs: A,
    wanted: readonly I[],
  ) => { readonly [N in I]?: Tensor };
  /** Default "number"; "float" with a kernel of one's own. */
  domain?: Domain;
  /** Whether two bools stay bools, instead of becoming int32; "refuse" makes them an error. Default false. */
  bools?: boolean | "refuse";
  /** dtype of the output; by default that of the inputs, which the tape brings to a common one. */
  dtype?: (inputs: Values<I>, attrs: A) => DType;
  /**
   * How `vmap` runs the op for all samples at once; "broadcast" where inputs broadcast as in elementwise ops,
   * which is their default. Others run in a loop by default.
   */
  batch?: BatchRule<NoInfer<A>> | "broadcast";
  /** For pictures: what stands in the gate. */
  symbol?: string;
  /** For pictures and docs: the formula, and each input's local gradient. */
  tex?: { readonly y: string } & { readonly [N in I]?: string };
  /** For docs: what the gradient is where the formula has no derivative, or several inputs tie. */
  kinks?: string;
}

type Numbers<I extends readonly string[]> = { -readonly [K in keyof I]: number };

/**
 * y = f(a) or f(a, b) element by element: shape, dtype, kernel and lone-number path follow. A kernel's name, or
 * a function of one number per input (and the attributes), in float64 arithmetic.
 */
export interface Elementwise<I extends readonly string[], A> {
  elementwise: UnaryName | BinaryName | ((...numbers: [...Numbers<I>, attrs: A]) => number);
}

/** Fills an output whose shape is known beforehand. */
export interface Computed<I extends string, A, V extends boolean> {
  shape: (inputs: V extends true ? readonly Tensor[] : Values<I>, attrs: A) => Shape;
  forward: (
    inputs: V extends true ? readonly Tensor[] : Values<I>,
    y: Tensor,
    kernels: Kernels,
    attrs: A,
  ) => void;
  /** The one input is a list; `forward`, `shape` get the list, the rule gets the position. */
  variadic?: V;
  /** The kernel on the inputs in their order that `forward` is, where it may run later, in one pass with others. */
  step?: StepName;
}

/** Fills the array of an output from the arrays of the inputs, all in row-major order. */
export interface ArrayComputed<I extends string, A> {
  /** Default: elementwise. Inputs are then broadcast together, and every array is as long as y. */
  shape?: (inputs: Values<I>, attrs: A) => Shape;
  kernel: (inputs: Arrays<I>, y: TypedArray, attrs: A, shapes: Shapes<I | "y">) => unknown;
}

/** Shows its only input's storage in another layout. */
export interface View<A> {
  view: (x: Tensor, attrs: A) => Layout;
}

type OutputShapes<N extends string> = Readonly<Record<N, { shape: Shape; dtype?: DType }>>;

/**
 * Fills several arrays: outputs, and `extras`, which only rules see (the permutation of a sort, say). Extras
 * are constants to the tape: a second derivative through one with a fractional dtype is an error.
 */
export type Several<I extends string, A, N extends string> = {
  shapes: (inputs: Values<I>, attrs: A) => OutputShapes<N>;
} & (
  | {
      forwardAll: (inputs: Values<I>, outputs: Values<N>, kernels: Kernels, attrs: A) => void;
      kernel?: undefined;
    }
  | {
      kernel: (inputs: Arrays<I>, outputs: Arrays<N>, attrs: A, shapes: Shapes<I | N>) => unknown;
      forwardAll?: undefined;
    }
);

export type AnyRule = (
  dy: Tensor | Values<string>,
  saved: unknown,
  attrs: unknown,
  index: number,
) => Tensor;

/** Any definition, its types forgotten. */
export interface Definition {
  name: string;
  redefine?: boolean;
  inputs: readonly string[];
  outputs?: readonly string[];
  extras?: readonly string[];
  saves?: readonly string[];
  attrs?: Attributes;
  grad: Readonly<Record<string, AnyRule | null>>;
  gradTogether?: (
    dy: Tensor | Values<string>,
    saved: unknown,
    attrs: unknown,
    wanted: readonly string[],
  ) => Readonly<Record<string, Tensor>>;
  domain?: Domain;
  bools?: boolean | "refuse";
  dtype?: (inputs: unknown, attrs: unknown) => DType;
  batch?: BatchRule | "broadcast";
  symbol?: string;
  tex?: Readonly<Record<string, string>>;
  kinks?: string;
  variadic?: boolean;
  elementwise?: UnaryName | BinaryName | NumberFunction;
  shape?: (inputs: unknown, attrs: unknown) => Shape;
  forward?: (inputs: unknown, y: Tensor, kernels: Kernels, attrs: unknown) => void;
  step?: StepName;
  kernel?: ArrayKernel;
  view?: (x: Tensor, attrs: unknown) => Layout;
  shapes?: (inputs: unknown, attrs: unknown) => OutputShapes<string>;
  forwardAll?: (inputs: unknown, outputs: Values<string>, kernels: Kernels, attrs: unknown) => void;
}

/** What a definition may have, and of which type. */
const keys: Record<keyof Definition, string> = {
  name: "string",
  redefine: "boolean",
  inputs: "names",
  outputs: "names",
  extras: "names",
  saves: "names",
  attrs: "object",
  grad: "object",
  gradTogether: "function",
  domain: "string",
  bools: "boolean or string",
  dtype: "function",
  batch: "function or string",
  symbol: "string",
  tex: "object",
  kinks: "string",
  variadic: "boolean",
  elementwise: "string or function",
  shape: "function",
  forward: "function",
  step: "string",
  kernel: "function",
  view: "function",
  shapes: "function",
  forwardAll: "function",
};

const forms = ["elementwise", "kernel", "forward", "forwardAll", "view"] as const;

/**
 * @internal What types can't say to users of plain JavaScript, and more.
 *
 * @throws ValueError naming the op and what is wrong
 */
export function checkDefinition(definition: Definition): void {
  const { name } = definition ?? {};
  if (typeof name !== "string" || name === "") {
    throw new ValueError(
      `defineOp: the name is ${show(name)}; it must be a string that isn't empty.`,
    );
  }
  const refuse = (problem: string): never => {
    throw new ValueError(`defineOp("${name}"): ${problem}`);
  };
  for (const [key, value] of Object.entries(definition)) {
    const type = keys[key as keyof Definition];
    if (type === undefined) {
      refuse(`there is no key ${key}; a definition has ${Object.keys(keys).join(", ")}.`);
    }
    if (value !== undefined && !isOfType(value, type)) {
      const wanted =
        type === "names" ? "an array of names, each once" : `a ${type}`.replace("a o", "an o");
      refuse(`${key} is ${show(value)}; it must be ${wanted}.`);
    }
  }
  const { domain } = definition;
  if (domain !== undefined && !domains.includes(domain)) {
    refuse(`domain is ${show(domain)}; it must be ${domains.map(show).join(", ")}.`);
  }
  if (typeof definition.batch === "string" && definition.batch !== "broadcast") {
    refuse(`batch is ${show(definition.batch)}; it must be a rule, or "broadcast".`);
  }
  for (const key of ["inputs", "grad"] as const) {
    if (definition[key] === undefined) refuse(`${key} is missing.`);
  }
  const stranger = Object.keys(definition.grad).find((key) => !definition.inputs.includes(key));
  if (stranger !== undefined) {
    refuse(`grad has a rule for ${stranger}; the inputs are ${definition.inputs.join(", ")}.`);
  }
  for (const [input, rule] of Object.entries(definition.grad)) {
    if (rule !== null && rule !== undefined && typeof rule !== "function") {
      refuse(`the rule for ${input} is ${show(rule)}; it must be a function, or null.`);
    }
  }
  checkForm(definition, refuse);
}

function isOfType(value: unknown, type: string): boolean {
  if (type !== "names") return type.split(" or ").includes(typeof value) && value !== null;
  return (
    Array.isArray(value) &&
    value.every((name) => typeof name === "string" && name !== "") &&
    new Set(value).size === value.length
  );
}

/** One way to compute, and what it needs beside it. */
function checkForm(definition: Definition, refuse: (problem: string) => never): void {
  const given = forms.filter((form) => definition[form] !== undefined);
  if (given.length !== 1) {
    const found = given.length === 0 ? "nothing says" : `${given.join(" and ")} both say`;
    refuse(`${found} how to compute it; give one of ${forms.join(", ")}.`);
  }
  const form = given[0]!;
  const several = definition.outputs !== undefined || definition.extras !== undefined;
  if (several && form !== "kernel" && form !== "forwardAll") {
    refuse(
      `${form} fills one output; with outputs or extras give shapes, and kernel or forwardAll.`,
    );
  }
  if (form === "forwardAll" && !several) {
    refuse("forwardAll fills several outputs; name them in outputs, or give forward.");
  }
  if (several && definition.shapes === undefined) refuse("shapes is missing: what it fills.");
  if (form === "forward" && definition.shape === undefined) {
    refuse("shape is missing: the output's, from the inputs.");
  }
  if (definition.variadic && form !== "forward") refuse(`a variadic op has forward, not ${form}.`);
}
