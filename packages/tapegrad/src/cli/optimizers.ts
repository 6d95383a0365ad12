/** The optimizers that a config can name. */
import { show, type Tensor, ValueError, zeros } from "@tapegrad/core";
import { type AnyModule, fields } from "@tapegrad/nn";
import * as optim from "@tapegrad/optim";
import * as v from "valibot";
import {
  accepted,
  type Chosen,
  group,
  type Item,
  type Items,
  type Kind,
  list,
  maybe,
  oneOf,
} from "./schema.ts";

const classes = {
  sgd: optim.SGD,
  momentum: optim.Momentum,
  adam: optim.Adam,
  adamW: optim.AdamW,
  rmsProp: optim.RMSProp,
  adagrad: optim.Adagrad,
  adadelta: optim.Adadelta,
  adamax: optim.Adamax,
  nAdam: optim.NAdam,
  rAdam: optim.RAdam,
  rprop: optim.Rprop,
  asgd: optim.ASGD,
  lion: optim.Lion,
  muon: optim.Muon,
  lbfgs: optim.LBFGS,
} as const;

export type OptimizerName = keyof typeof classes;
export type AnyOptimizer = optim.Optimizer<{ lr: number }>;

type Options = Readonly<Record<string, unknown>>;
type OptimizerClass = new (
  params: readonly Tensor[] | readonly ({ params: readonly Tensor[] } & Options)[],
  options: Options,
) => AnyOptimizer;
const classOf = (name: OptimizerName) => classes[name] as unknown as OptimizerClass;

/** Hyper-parameters, each checked by the optimizer itself. */
function hyperItems(name: OptimizerName): Items {
  const make = (options: Options) =>
    new (classOf(name))([zeros([1, 1], { requiresGrad: true })], options);
  return Object.fromEntries(
    Object.keys(make({}).defaults).map((option) => [
      option,
      maybe(accepted(option, (value) => make({ [option]: value }))),
    ]),
  );
}

const pattern: Item<string> = fields.field<string>(
  'a regular expression on the names of parameters, such as "bias$"',
  (message) => v.pipe(v.string(message), v.check(isPattern, message)),
);

function isPattern(source: string): boolean {
  try {
    new RegExp(source);
    return true;
  } catch {
    return false;
  }
}

const kinds = Object.fromEntries(
  Object.keys(classes).map((name): [string, Kind] => [
    name,
    {
      items: () => {
        const hyper = hyperItems(name as OptimizerName);
        return { ...hyper, groups: maybe(list(group({ match: pattern, ...hyper }, "a group"))) };
      },
    },
  ]),
) as Record<OptimizerName, Kind>;

export const optimizerItem: Item<Chosen<OptimizerName>> = oneOf(kinds, {
  example: '{ "type": "adam", "lr": 0.001 }',
  otherwise: "adam",
});

/**
 * The optimizer of a model's parameters; each goes to the first group whose pattern its name matches.
 *
 * @throws ValueError for options that don't go together, and a pattern that no parameter is left for
 */
export function makeOptimizer(
  { type, groups = [], ...options }: Chosen<OptimizerName>,
  model: AnyModule,
): AnyOptimizer {
  const wanted = groups as readonly ({ readonly match: string } & Options)[];
  const patterns = wanted.map(({ match }) => new RegExp(match));
  const members = wanted.map((): Tensor[] => []);
  const others: Tensor[] = [];
  for (const [name, parameter] of model.namedParameters()) {
    const at = patterns.findIndex((one) => one.test(name));
    (at < 0 ? others : members[at]).push(parameter);
  }
  const idle = members.findIndex((list) => list.length === 0);
  if (idle >= 0) {
    throw new ValueError(
      `groups[${idle}].match is ${show(wanted[idle].match)}, and no parameter has such a name that isn't in a group before; the names are ${namesOf(model)}.`,
    );
  }
  if (wanted.length === 0) return new (classOf(type))(others, options);
  const own = wanted.map(({ match: _, ...hyper }, i) => ({ params: members[i], ...hyper }));
  const rest = others.length === 0 ? [] : [{ params: others }];
  return new (classOf(type))([...rest, ...own], options);
}

const shownNames = 8;

function namesOf(model: AnyModule): string {
  const names = model.namedParameters().map(([name]) => name);
  const more = names.length > shownNames ? ", …" : "";
  return names.slice(0, shownNames).join(", ") + more;
}
