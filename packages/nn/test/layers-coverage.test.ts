/** Every layer that specs can name is in a table, or has tests of its own. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { registeredLayers } from "../src/index.ts";
import { activations } from "./tables/activations.ts";
import { conv } from "./tables/conv.ts";
import { drop } from "./tables/dropout.ts";
import { losses } from "./tables/losses.ts";
import { norm } from "./tables/norm.ts";
import { pool } from "./tables/pool.ts";
import { references } from "./tables/references.ts";
import { shape } from "./tables/shape.ts";

const tables = { ...activations, ...conv, ...drop, ...losses, ...norm, ...pool, ...shape };
const typeOf = (name: string) => name.split(" ")[0]!;

/** Containers, sequences and whole models: modules of modules, or of several inputs and results. */
const testedElsewhere = [
  "autoencoder",
  "basicBlock",
  "charGpt",
  "classifier",
  "gan",
  "gru",
  "gruCell",
  "lambda",
  "learnedPositions",
  "lstm",
  "lstmCell",
  "lstmLanguageModel",
  "moduleDict",
  "moduleList",
  "multiHeadAttention",
  "parallel",
  "readout",
  "residual",
  "rnn",
  "rnnCell",
  "rotaryPositions",
  "sequential",
  "sinusoidalPositions",
  "transformer",
  "transformerDecoder",
  "transformerDecoderLayer",
  "transformerEncoder",
  "transformerEncoderLayer",
  "vae",
];

describe("the tables of layers", () => {
  it("have every registered layer", () => {
    const known = new Set([...Object.keys(tables).map(typeOf), ...testedElsewhere]);
    expect(registeredLayers().filter((type) => !known.has(type))).toEqual([]);
  });

  it("name nothing that is not registered", () => {
    const registered = registeredLayers();
    const named = [...Object.keys(tables).map(typeOf), ...testedElsewhere];
    expect(named.filter((type) => !registered.includes(type))).toEqual([]);
  });

  it("have reference values for all that is not random", () => {
    const fixed = Object.entries(tables).filter(([, { random }]) => !random);
    expect(fixed.map(([name]) => name).toSorted()).toEqual(Object.keys(references).toSorted());
  });

  it("are all on the page about layers", () => {
    const here = dirname(fileURLToPath(import.meta.url));
    const page = readFileSync(join(here, "../../../docs/layers.md"), "utf8");
    const words = new Set(page.match(/\w+/g));
    const names = Object.entries(tables).map(([name, one]) => {
      const layer = one.make();
      return typeOf(name).endsWith("Loss") ? layer.constructor.name : typeOf(name);
    });
    expect(names.filter((name) => !words.has(name))).toEqual([]);
  });

  it("answer bad input wherever there is any", () => {
    const answered = new Set(
      Object.entries(tables).flatMap(([name, { refuses }]) => (refuses ? [typeOf(name)] : [])),
    );
    const withArguments = Object.entries(tables)
      .filter(([, one]) => Object.keys(one.make().spec).length > 1)
      .map(([name]) => typeOf(name));
    expect(withArguments.filter((type) => !answered.has(type))).toEqual([]);
  });
});
