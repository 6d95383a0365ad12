/** Examples from tables and arrays: CSV and NumPy's files. */
import { isFloat, noGrad, type Tensor, tensor, ValueError } from "@tapegrad/core";
import { csvDataset, loadCsv, loadNpz, TensorDataset } from "@tapegrad/data";
import { fields } from "@tapegrad/nn";
import * as v from "valibot";
import { type Context, classified, type Facts, noFacts, type Opened } from "./opened.ts";
import { type Item, list, maybe, text, type Values } from "./schema.ts";

const columnTypes = ["number", "category", "text"] as const;

/** Spaces count here: "\t". */
const separator = fields.field<string>('a text such as ";"', (message) =>
  v.pipe(v.string(message), v.nonEmpty(message)),
);

export const csvItems = {
  path: text,
  testPath: maybe(text),
  label: text,
  features: maybe(list(text)),
  types: maybe(
    fields.field<Readonly<Record<string, (typeof columnTypes)[number]>>>(
      `an object of column names, each with one of ${columnTypes.join(", ")}`,
      (message) => v.record(v.string(), v.picklist(columnTypes, message), message),
    ),
  ),
  header: maybe(
    fields.field<boolean | readonly string[]>("true, false or an array of names", (message) =>
      v.union([v.boolean(), v.array(v.string())], message),
    ),
  ),
  delimiter: maybe(separator),
  missing: maybe(list(text)),
};

/** A target of numbers stands upright, [N, 1], as models give them. */
function upright({ x, y }: TensorDataset): TensorDataset {
  const alone = y.rank === 1 && isFloat(y.dtype);
  return alone
    ? new TensorDataset(
        x,
        noGrad(() => y.unsqueeze(1)),
      )
    : new TensorDataset(x, y);
}

export async function openCsv(
  { path, testPath, label, features, ...options }: Values<typeof csvItems>,
  { known }: Context,
): Promise<Opened> {
  const open = async (file: string, classes: readonly string[] | null) => {
    const table = await loadCsv(file, options);
    const chosen = features === undefined ? {} : { features };
    const { dataset, featureNames, classNames } = csvDataset(table, { label, ...chosen });
    return { dataset, featureNames, ...numberedAs(dataset, classNames, classes, file) };
  };
  const { dataset, featureNames, classNames, y } = await open(path, known?.classNames ?? null);
  const train = upright(new TensorDataset(dataset.x, y));
  const test = testPath === undefined ? null : await open(testPath, classNames);
  return {
    train,
    labels: classNames === null ? null : y.data(),
    test: test === null ? null : upright(new TensorDataset(test.dataset.x, test.y)),
    facts: {
      ...noFacts,
      inputs: "rows",
      targets: classNames === null ? "numbers" : "classes",
      shape: train.x.shape.slice(1),
      classNames,
      featureNames,
    },
  };
}

/** Classes with the numbers that they had in an earlier file. @throws ValueError for one that wasn't there */
function numberedAs(
  { y }: TensorDataset,
  classNames: readonly string[] | null,
  known: readonly string[] | null,
  file: string,
): { y: Tensor; classNames: readonly string[] | null } {
  if (classNames === null || known === null) return { y, classNames };
  const numbers = classNames.map((name) => {
    const at = known.indexOf(name);
    if (at >= 0) return at;
    throw new ValueError(
      `"${file}" has the class ${JSON.stringify(name)}; the training examples had ${known.join(", ")}.`,
    );
  });
  const labels = Int32Array.from(y.data(), (label) => numbers[label]);
  return { y: tensor(labels), classNames: known };
}

const named = (fallback: string): Item<string> => ({ ...text, fallback });

export const npzItems = {
  path: text,
  testPath: maybe(text),
  x: named("x"),
  y: named("y"),
  dtype: fields.choice(["float32", "float64", "int32"], { fallback: "float32" }),
};

export async function openNpz({
  path,
  testPath,
  x: xName,
  y: yName,
  dtype,
}: Values<typeof npzItems>): Promise<Opened> {
  const open = async (file: string) => {
    const arrays = await loadNpz(file);
    const get = (name: string): Tensor => {
      const found = arrays.get(name);
      if (found !== undefined) return found;
      throw new ValueError(
        `"${file}" has no array ${JSON.stringify(name)}; it has ${[...arrays.keys()].join(", ")}.`,
      );
    };
    const x = get(xName).to(dtype);
    const y = get(yName);
    const yType = isFloat(y.dtype) ? (dtype === "float64" ? "float64" : "float32") : "int32";
    return upright(new TensorDataset(x, y.to(yType)));
  };
  const train = await open(path);
  const { x, y } = train;
  const test = testPath === undefined ? null : await open(testPath);
  const facts = { ...noFacts, inputs: "arrays", shape: x.shape.slice(1) } as const;
  if (!isFloat(y.dtype) && y.rank === 1) {
    return { ...classified(train, { inputs: "arrays" }), test };
  }
  const targets: Facts["targets"] = isFloat(y.dtype) ? "numbers" : "tokens";
  return { train, labels: null, test, facts: { ...facts, targets } };
}
