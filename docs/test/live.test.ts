import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { tensor } from "tapegrad";
import { compare } from "../.vitepress/live/check.ts";
import { execute } from "../.vitepress/live/execute.ts";
import { inspect } from "../.vitepress/live/inspect.ts";
import { picture, plot } from "../.vitepress/live/plot.ts";
import type { Report } from "../.vitepress/live/protocol.ts";
import { decodeCode, encodeCode } from "../.vitepress/live/share.ts";
import { runHere, summary } from "./pages.ts";

async function errorOf(code: string, check = "") {
  const reports: Report[] = [];
  await execute({ code, check }, (report) => reports.push(report));
  const error = reports.find((report) => report.type === "error");
  return error?.type === "error" ? { text: error.text, line: error.line } : null;
}

describe("running a cell", () => {
  it("strips types, awaits, prints tensors", async () => {
    const { printed, errors } = await runHere({
      code: `import { tensor, type Tensor } from "tapegrad";\nconst x: Tensor = tensor([1, 2]);\nawait null;\nconsole.log("x", x, [x.sum().item(), "a"]);`,
      check: "",
    });
    expect(errors).toEqual([]);
    expect(printed).toEqual(['x tensor([1., 2.], shape=[2], dtype=float32) [ 3, "a" ]']);
  });

  it("says in which line an error is", async () => {
    expect(await errorOf(`const a = 1;\n\nthrow new RangeError("no " + a);`)).toEqual({
      text: "RangeError: no 1",
      line: 3,
    });
    expect(
      await errorOf(
        `import { tensor } from "tapegrad";\nconst a = tensor([[1, 2]]);\na.matmul(a);`,
      ),
    ).toEqual({
      text: "ShapeError: matmul: a is [1, 2] and b is [1, 2]; a's last axis (2) must equal b's second-to-last (1).",
      line: 3,
    });
  });

  it("says in which line the code can't be read", async () => {
    expect((await errorOf(`const a = 1;\nconst = 2;`))?.line).toBe(2);
  });

  it("names a missing export and a strange module", async () => {
    expect((await errorOf(`import { tenser } from "tapegrad";\ntenser(1);`))?.text).toBe(
      'ReferenceError: "tapegrad" exports nothing named tenser.',
    );
    expect((await errorOf(`import fs from "node:fs";\nfs.readFile;`))?.text).toBe(
      'Error: A cell can import from "tapegrad", not from "node:fs".',
    );
  });

  it("gives no line of the cell to an error of its check", async () => {
    expect(await errorOf("const a = 1;", "gone;")).toEqual({
      text: "ReferenceError: gone is not defined",
      line: null,
    });
  });

  it("shows only pictures", async () => {
    expect((await errorOf(`show("<p>");`))?.text).toBe(
      "TypeError: show: the text is no SVG; show takes SVG text or a tensor of two axes.",
    );
    const reports: Report[] = [];
    await execute({ code: "show(plot([1, 2, 3]));", check: "" }, (report) => reports.push(report));
    expect(reports.map(({ type }) => type)).toEqual(["picture", "done"]);
    expect(summary(reports).errors).toEqual([]);
  });
});

describe("check", () => {
  it("uses the relative error of the worst element", () => {
    expect(compare([1, 2, 4], [1, 2, 4])).toEqual({ passed: true, text: "relative error 0.0e+0" });
    expect(compare(tensor([1, 2, 3]), [1, 2, 4])).toEqual({
      passed: false,
      text: "is 3 at element 2; 4 is wanted (relative error 2.5e-1)",
    });
    expect(compare(1.00001, 1).passed).toBe(true);
    expect(compare(1.001, 1).passed).toBe(false);
    expect(compare(1.001, 1, 0.01).passed).toBe(true);
  });

  it("refuses what isn't there, other shapes and NaN", () => {
    expect(compare(null, 1)).toEqual({
      passed: false,
      text: "is null; is something still to be filled in?",
    });
    expect(compare([1, 2], [[1], [2]])).toEqual({
      passed: false,
      text: "has shape [2]; [2, 1] is wanted",
    });
    expect(compare(Number.NaN, 1).passed).toBe(false);
    expect(compare("1" as unknown as number, 1)).toEqual({
      passed: false,
      text: "is no tensor and no number",
    });
    expect(compare(0, 1e-9).passed).toBe(true);
    expect(compare(Number.POSITIVE_INFINITY, 1).passed).toBe(false);
  });
});

it("inspect writes values as Node's console does", () => {
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  const cases: [unknown, string][] = [
    ["text", "text"],
    [["text", -0, 1n, undefined], '[ "text", -0, 1n, undefined ]'],
    [{ a: 1, "b-c": [null] }, '{ a: 1, "b-c": [ null ] }'],
    [new Float32Array([1, 2]), "Float32Array(2) [ 1, 2 ]"],
    [new Map([["k", 1]]), 'Map(1) { "k" => 1 }'],
    [new Set(), "Set(0) {}"],
    [new TypeError("no"), "TypeError: no"],
    [function f() {}, "[Function: f]"],
    [{ a: { b: { c: { d: 1 } } } }, "{ a: { b: { c: [Object] } } }"],
    [cyclic, "{ self: [Circular] }"],
    [Array.from({ length: 30 }, () => 100), `[\n${Array(30).fill("  100").join(",\n")}\n]`],
  ];
  for (const [value, text] of cases) expect(inspect(value)).toBe(text);
});

it("code survives its way through an address", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (code) => {
      const text = encodeCode(code);
      expect(text).toMatch(/^[\w-]*$/);
      // Lone surrogates have no UTF-8.
      expect(decodeCode(text)).toBe(new TextDecoder().decode(new TextEncoder().encode(code)));
    }),
    { seed: 7, numRuns: 200 },
  );
  expect(decodeCode("!!")).toBeNull();
  expect(decodeCode("AAAA")).toBeNull();
});

describe("pictures", () => {
  it("are SVG with every series, escaped", () => {
    const svg = plot(
      {
        "<b>": [1, 10, 100],
        dots: [
          [0, 1],
          [2, 5],
        ],
      },
      { log: true, dots: ["dots"], title: "a & b" },
    );
    expect(svg).toMatch(/^<svg [^>]*>.*<\/svg>$/s);
    expect(svg.match(/<polyline/g)).toHaveLength(1);
    expect(svg.match(/r="3"/g)).toHaveLength(2);
    expect(svg).toContain("&#60;b&#62;");
    expect(svg).toContain("a &#38; b");
    expect(svg).not.toContain("NaN");
  });

  it("shade a surface", () => {
    const svg = plot(
      {
        path: [
          [0, 0],
          [1, 1],
        ],
      },
      { surface: (x, y) => x * x + y * y, area: { x: [-1, 1], y: [-1, 1] } },
    );
    expect(svg.match(/<rect [^>]*fill-opacity/g)).toHaveLength(70 * 40);
    expect(svg).not.toContain("NaN");
  });

  it("refuse a series without a finite point", () => {
    expect(() => plot([Number.NaN])).toThrow("plot: there is no finite point to show.");
    expect(() => plot([0, -1], { log: true })).toThrow("plot: there is no finite point to show.");
  });

  it("of tensors have a square per element", () => {
    expect(
      picture(
        tensor([
          [0, 1],
          [2, 4],
        ]),
      ).match(/rgb\(\d+/g),
    ).toEqual(["rgb(0", "rgb(64", "rgb(128", "rgb(255"]);
    expect(() => picture(tensor([1, 2]))).toThrow(
      "show: the tensor is [2]; pictures are [height, width].",
    );
  });
});
