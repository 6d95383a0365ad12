/** What folds: calls of modules, and runs of ops where too many are side by side. */
import type { GraphGroup } from "./schema.ts";

/** A node as far as folding is concerned. */
export interface Item {
  /** Path of its module. */
  module: string;
  /** Whether it makes groups; others join those of the next item that does, as far as `stays` allows. */
  isOp: boolean;
  /** For others: "module" joins the groups of its own module path, "user" all of its user's, "top" none. */
  joins: "module" | "user" | "top";
  /** Elements, if it is a parameter. */
  parameters: number;
}

/** More neighbours than this are hard to look at, and slow to lay out. */
const mostNeighbours = 100;

type Draft = { -readonly [K in keyof GraphGroup]: GraphGroup[K] } & { children: Child[] };
type Child = { item: number } | { group: Draft };

/** Every prefix of a path: "a.b.c" gives "a", "a.b", "a.b.c". */
function prefixes(path: string): string[] {
  if (path === "") return [];
  const parts = path.split(".");
  return parts.map((_, i) => parts.slice(0, i + 1).join("."));
}

/**
 * Groups of neighbours in the items' order. One call of a module is a longest run of items inside it; since
 * the order is one of computation, a path never leaves such a run and comes back: folded, the graph has no
 * cycles, whatever the modules do.
 *
 * @returns the groups, parents first, and each item's innermost one
 */
export function groupsOf(
  items: readonly Item[],
  typeOf: (path: string) => string | null,
): { groups: GraphGroup[]; groupOf: (string | null)[] } {
  const root = draftGroup("module", "", 0, null);
  const calls = new Map<string, number>();
  let open: Draft[] = [];
  let waiting: number[] = [];
  items.forEach((item, i) => {
    if (!item.isOp) {
      waiting.push(i);
      return;
    }
    const paths = prefixes(item.module);
    const same = paths.findIndex((path, at) => open[at]?.path !== path);
    open = open.slice(0, same < 0 ? paths.length : same);
    for (const path of paths.slice(open.length)) {
      const call = (calls.get(path) ?? 0) + 1;
      calls.set(path, call);
      const group = draftGroup("module", path, call, typeOf(path));
      (open.at(-1) ?? root).children.push({ group });
      open.push(group);
    }
    for (const at of waiting) join(items[at]!, at, open, root);
    waiting = [];
    (open.at(-1) ?? root).children.push({ item: i });
    for (const group of open) group.ops++;
  });
  for (const at of waiting) root.children.push({ item: at });
  split(root, items);
  return collected(root, items.length);
}

function draftGroup(
  kind: GraphGroup["kind"],
  path: string,
  call: number,
  type: string | null,
): Draft {
  return { id: "", parent: null, kind, path, call, type, ops: 0, parameters: 0, children: [] };
}

/** Puts an item that is no op into the groups that are open for its first user. */
function join(item: Item, at: number, open: readonly Draft[], root: Draft): void {
  const inside = open.filter(({ path }) => {
    if (item.joins === "top") return false;
    return item.joins === "user" || item.module === path || item.module.startsWith(`${path}.`);
  });
  for (const group of inside) group.parameters += item.parameters;
  const { children } = inside.at(-1) ?? root;
  // Before the group that is open here: what is computed from it must not come before it in a run.
  const isBeside = open.length > inside.length;
  children.splice(isBeside ? children.length - 1 : children.length, 0, { item: at });
}

/** Wraps neighbours into runs, and these into longer ones, until nowhere are too many side by side. */
function split(group: Draft, items: readonly Item[]): void {
  const { children } = group;
  if (children.length > mostNeighbours) {
    const count = Math.min(mostNeighbours, Math.ceil(children.length / mostNeighbours));
    const length = Math.ceil(children.length / count);
    group.children = [];
    for (let start = 0; start < children.length; start += length) {
      const run = draftGroup("run", group.path, group.children.length + 1, null);
      run.children = children.slice(start, start + length);
      for (const child of run.children) {
        run.ops += "group" in child ? child.group.ops : Number(items[child.item]!.isOp);
        run.parameters += "group" in child ? child.group.parameters : items[child.item]!.parameters;
      }
      group.children.push({ group: run });
    }
  }
  for (const child of group.children) if ("group" in child) split(child.group, items);
}

/** The tree as a list, with ids. */
function collected(
  root: Draft,
  count: number,
): { groups: GraphGroup[]; groupOf: (string | null)[] } {
  const groups: GraphGroup[] = [];
  const groupOf = new Array<string | null>(count).fill(null);
  const visit = ({ children }: Draft, id: string | null) => {
    for (const child of children) {
      if ("item" in child) {
        groupOf[child.item] = id;
        continue;
      }
      const { children: _, ...facts } = child.group;
      facts.id = `g${groups.length}`;
      facts.parent = id;
      groups.push(facts);
      visit(child.group, facts.id);
    }
  };
  visit(root, null);
  return { groups, groupOf };
}
