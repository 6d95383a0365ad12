/** The pictures of docs/pictures.md, which are snapshots too: `npm run docs:pictures` writes them anew. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { tensor } from "@tapegrad/core";
import fc from "fast-check";
import { type Graph, graph, toDOT, toHTML, toMermaid, toSVG } from "../src/index.ts";
import { leaf, neuron, perceptron, residualNet } from "./circuits.ts";
import { parsed } from "./xml.ts";

const assets = fileURLToPath(new URL("../../../docs/assets/", import.meta.url));

const pictures: Record<string, () => string> = {
  "graph-neuron.svg": () => toSVG(neuron(), { id: "neuron" }),
  "graph-perceptron.svg": () => toSVG(perceptron(), { id: "perceptron", fold: 1 }),
  "graph-batch-norm.svg": () => toSVG(perceptron(), { id: "batch-norm", fold: ["0", "2", "3"] }),
  "graph-residual.svg": () => toSVG(residualNet(), { id: "residual", fold: 2 }),
};

describe("pictures of the docs", () => {
  for (const [name, draw] of Object.entries(pictures)) {
    it(`${name} is fresh: run npm run docs:pictures where this fails`, () => {
      const svg = draw();
      if (process.env.WRITE_PICTURES === "1") writeFileSync(assets + name, svg);
      expect(existsSync(assets + name)).toBe(true);
      expect(svg).toBe(readFileSync(assets + name, "utf8"));
      parsed(svg);
    });
  }
});

describe("SVG", () => {
  it("has the neuron's numbers as the course publishes them, values green and gradients red", () => {
    const svg = toSVG(neuron(), { id: "x" });
    const of = (colour: string) =>
      [...svg.matchAll(new RegExp(`<text class="${colour} halo"[^>]*>([^<]*)<`, "g"))].map(
        (m) => m[1],
      );
    expect(of("value")).toEqual([
      "2.00",
      "−1.00",
      "−3.00",
      "−2.00",
      "−2.00",
      "6.00",
      "4.00",
      "−3.00",
      "1.00",
      "−1.00",
      "0.37",
      "1.37",
      "0.73",
    ]);
    expect(of("gradient")).toEqual([
      "−0.20",
      "0.39",
      "−0.39",
      "−0.59",
      "0.20",
      "0.20",
      "0.20",
      "0.20",
      "0.20",
      "−0.20",
      "−0.53",
      "−0.53",
      "1.00",
    ]);
  });

  it("is the same each time, but for its id", () => {
    const [a, b] = [toSVG(neuron()), toSVG(neuron(), { id: "mine" })];
    expect(toSVG(neuron())).toBe(a);
    expect(a.replaceAll("g-00000000-0000-7000-8000-000000000001", "mine")).toBe(b);
  });

  it("styles nothing but itself", () => {
    const style = /<style>([\s\S]*?)<\/style>/.exec(toSVG(neuron(), { id: "mine" }))![1]!;
    const selectors = [...style.matchAll(/([^{}]+)\{/g)].flatMap((m) =>
      m[1]!.split(/,(?![^(]*\))/),
    );
    for (const selector of selectors) expect(selector.trim()).toMatch(/^(#mine |@media )/);
  });

  it("follows the reader's theme unless told", () => {
    expect(toSVG(neuron())).toContain("prefers-color-scheme: dark");
    for (const theme of ["light", "dark"] as const)
      expect(toSVG(neuron(), { theme })).not.toContain("prefers-color-scheme");
    expect(toSVG(neuron(), { theme: "dark" })).toContain("fill: #14181d");
  });

  it("adds up gradients where a wire forks", () => {
    const x = leaf(3);
    const svg = toSVG(graph(() => x.mul(2).add(x.square()), { names: { x }, gradients: true }));
    expect(svg).toContain(">Σ 8.00<");
  });

  it("draws one leaf, nothing but a constant, and empty tensors", () => {
    for (const x of [leaf(1), tensor([[1, 2]]), tensor([])]) parsed(toSVG(graph(x)));
    expect(toSVG(graph(tensor([[1, 2]])))).toContain("[1, 2]");
  });

  it("refuses what it can't draw", () => {
    const g = neuron();
    expect(() => toSVG({} as Graph)).toThrow(
      "toSVG: got an object; it must be the JSON that graph() makes.",
    );
    expect(() => toSVG({ ...g, version: 2 as never })).toThrow(
      "toSVG: the graph has version 2 of the format; this release reads version 1.",
    );
    expect(() => toSVG(g, { theme: "pink" as never })).toThrow(
      'toSVG: theme is "pink"; it must be "auto", "light" or "dark".',
    );
    expect(() => toSVG(g, { id: "a b" })).toThrow(
      'toSVG: id is "a b"; it must be a letter, then letters, digits, "-" and "_".',
    );
    expect(() => toSVG(g, { digits: -1 })).toThrow(
      "toSVG: digits is -1; it must be a whole number from 0 to 10.",
    );
    expect(() => toHTML(g, { fold: 0 })).toThrow(
      'toHTML: fold is 0; it must be "auto", a depth from 1 on, an array of module paths, or false.',
    );
    expect(() => toDOT(perceptron(), { fold: ["7"] })).toThrow(
      'toDOT: fold names "7", which is no module of the graph; it has 0, 1, 2, 3.',
    );
  });
});

describe("hostile names", () => {
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "</text><script>alert(1)</script>",
      "</script><script>alert(1)</script>",
      "<!--<script>",
      `" onload="alert(1)`,
      "]]>",
      "&amp;&#0;",
      "\ud800\u0000\u0001",
      'x"]; end',
      "1. list",
      "__proto__",
    ),
  );
  const hostile = (name: string): Graph => {
    const [x, y] = [leaf(1), leaf(2)];
    const g = graph(() => x.mul(y), { names: { x, y }, gradients: true, title: name, id: "one" });
    return JSON.parse(JSON.stringify(g), (key, value) =>
      ["name", "module", "symbol", "source", "kinks", "a"].includes(key) &&
      typeof value === "string"
        ? name
        : value,
    );
  };

  it("are text in SVG, and nothing else", () => {
    const plain = parsed(toSVG(hostile("x"))).elements;
    fc.assert(
      fc.property(texts, (name) => {
        const { elements } = parsed(toSVG(hostile(name)));
        // A long name makes a pill of a circle; nothing more may come.
        expect(elements.map((e) => (e === "circle" ? "rect" : e))).toEqual(
          name === "" ? expect.anything() : plain.map((e) => (e === "circle" ? "rect" : e)),
        );
      }),
      { seed: 3, numRuns: 150 },
    );
  });

  it("end no element of the page", () => {
    fc.assert(
      fc.property(texts, (name) => {
        const html = toHTML(hostile(name));
        expect(html.match(/<script/g)).toHaveLength(2);
        expect(html.match(/<\/script/g)).toHaveLength(2);
        const data = /<script type="application\/json" id="data">([^<]*)<\/script>/.exec(html)![1]!;
        expect(JSON.parse(data).graph).toEqual(hostile(name));
      }),
      { seed: 4, numRuns: 40 },
    );
  });

  it("stay inside their quotes in DOT and Mermaid", () => {
    fc.assert(
      fc.property(texts, (name) => {
        const g = hostile(name);
        const dot = toDOT(g).replace(/"(?:\\[\s\S]|[^"\\])*"/g, "Q");
        expect(dot).toMatch(/^digraph Q \{\n/);
        for (const line of dot.split("\n").slice(2, -2)) {
          expect(line).toMatch(/^ {2}Q (\[label=Q, shape=\w+\]|-> Q( \[label=<.*>\])?);$/);
        }
        const mermaid = toMermaid(g).split("\n").slice(1, -1);
        for (const line of mermaid) {
          expect(line).toMatch(
            /^ {2}n\d+(\(\["[^"\n]*"\]\)|\(\("[^"\n]*"\)\)| -->(\|"[^"\n]*"\|)? n\d+)$/,
          );
        }
      }),
      { seed: 5, numRuns: 150 },
    );
  });
});

describe("DOT and Mermaid", () => {
  it("draw the neuron", () => {
    const dot = toDOT(neuron());
    expect(dot).toContain('"n2" [label="×", shape=circle];');
    expect(dot).toContain(
      '"n0" -> "n2" [label=<<font color="#0b7a2d">2.00</font><br/><font color="#c4122f">−0.20</font>>];',
    );
    const mermaid = toMermaid(neuron());
    expect(mermaid).toMatch(/^flowchart LR\n/);
    expect(mermaid).toContain('n0 -->|"2.00 ∇ −0.20"| n2');
    expect(mermaid).toContain('n13(("#43; 1"))');
  });

  it("draw modules as clusters, folded ones as boxes", () => {
    const dot = toDOT(perceptron(), { fold: ["0"] });
    expect(dot).toContain('"g0" [label="0 · Linear", shape=box');
    expect(dot).toContain('subgraph "cluster_g1" {\n    label="1 · BatchNorm1d"');
    expect(dot.match(/\{/g)!.length).toBe(dot.match(/\}/g)!.length);
    const mermaid = toMermaid(perceptron(), { fold: ["0"] });
    expect(mermaid).toContain('g0["0 · Linear"]');
    expect(mermaid).toContain('subgraph g1["1 · BatchNorm1d"]');
    expect(mermaid.match(/subgraph/g)).toHaveLength(mermaid.match(/^ *end$/gm)!.length);
  });
});
