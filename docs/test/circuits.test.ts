/** The circuits that pages play. `npm run docs:pictures` writes their pictures anew. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { viz } from "tapegrad";
import { circuits } from "../.vitepress/circuits.ts";
import { docs, pages } from "./pages.ts";

const players = pages.flatMap((page) =>
  [
    ...readFileSync(join(docs, page), "utf8").matchAll(
      /<CircuitPlayer circuit="([\w-]+)">\n\n!\[[^\]]+\]\(([^)]+)\)\n\n<\/CircuitPlayer>/g,
    ),
  ].map((match) => ({ page, circuit: match[1]!, picture: match[2]! })),
);

describe("circuits", () => {
  for (const [name, graph] of Object.entries(circuits)) {
    it(`${name} has a fresh picture: run npm run docs:pictures where this fails`, () => {
      const svg = viz.toSVG(graph(), { id: `circuit-${name}` });
      const file = join(docs, `assets/circuit-${name}.svg`);
      if (process.env.WRITE_PICTURES === "1") writeFileSync(file, svg);
      expect(existsSync(file)).toBe(true);
      expect(svg).toBe(readFileSync(file, "utf8"));
    });

    it(`${name} is played on a page`, () => {
      expect(players.map(({ circuit }) => circuit)).toContain(name);
    });
  }

  it("stand on pages with their own pictures", () => {
    for (const { page, circuit, picture } of players) {
      expect(Object.keys(circuits)).toContain(circuit);
      expect(join(docs, page, "..", picture)).toBe(join(docs, `assets/circuit-${circuit}.svg`));
    }
  });

  it("give the numbers that CS231n publishes", () => {
    const { nodes } = circuits.neuron!();
    const gradients = nodes
      .filter(({ kind }) => kind === "leaf")
      .map(({ name, outputs }) => [name, Number(outputs[0]!.gradient!.values![0]).toFixed(2)]);
    expect(Object.fromEntries(gradients)).toEqual({
      w0: "-0.20",
      x0: "0.39",
      w1: "-0.39",
      x1: "-0.59",
      w2: "0.20",
    });
    expect(Number(nodes.at(-1)!.outputs[0]!.value!.values![0]).toFixed(2)).toBe("0.73");
  });
});
