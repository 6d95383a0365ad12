/** The report in one file, and PNG. */
import { describe, expect, it } from "@jest/globals";
import { decodeImage } from "@tapegrad/data";
import { lossCurve, type RunRecord, report, toPng, toSVG } from "../src/index.ts";
import { neuron } from "./circuits.ts";
import { small } from "./runs.ts";
import { parsed } from "./xml.ts";

const titles = (html: string) =>
  [...html.matchAll(/<title id="[^"]*">([^<]*)</g)].map((match) => match[1]);
const cells = (html: string) =>
  [...html.matchAll(/<tr><th scope="row">(.*?)<\/tr>/g)].map((row) =>
    row[1]!
      .replace(/<\/t[hd]>(<td>)?/g, "|")
      .split("|")
      .slice(0, -1),
  );

describe("report", () => {
  it("has every plot that there is something for", async () => {
    const html = await report(small);
    expect(titles(html)).toEqual([
      "Loss",
      "Accuracy",
      "Learning rate",
      "f1",
      "report.macro.f1",
      "Update / weight ratio",
      "Gradient norms",
      "Weight norms",
      "Dead units",
      "0 · ReLU",
      "Confusion matrix",
      "Filters of 0.weight",
    ]);
    expect(cells(html)).toEqual([["small", "2", "4", "0.75", "1", "75.00 %", "2.0 s"]]);
  });

  it("leaves out what was not recorded", async () => {
    const lines = small.lines.filter(({ type }) => type === "step");
    const html = await report({ name: "steps", lines });
    expect(titles(html)).toEqual(["Loss", "Learning rate"]);
    expect(cells(html)).toEqual([["steps", "0", "4", "0.5", "–", "–", "–"]]);
    expect(cells(await report({ name: "new", lines: [] }))).toEqual([
      ["new", "0", "0", "–", "–", "–", "–"],
    ]);
  });

  it("compares runs, those of the same name by number, in elements with ids of their own", async () => {
    const html = await report([small, small]);
    expect(cells(html).map(([name]) => name)).toEqual(["small", "small (2)"]);
    expect(html).toContain("small (2), validation");
    expect(html).toContain("<h2>small (2): Layers</h2>");
    const ids = [...html.matchAll(/ id="([^"]*)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("needs nothing but itself", async () => {
    const html = await report(small);
    expect(html).toContain("default-src 'none'");
    expect(html).not.toContain("<script");
    const addresses = [...html.matchAll(/(?:href|src)="([^"]*)"/g)].map((match) => match[1]!);
    for (const address of addresses) expect(address).toMatch(/^data:/);
    expect(html.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:/);
  });

  it("has more figures where some are given, a title and a theme", async () => {
    const svg = await lossCurve(small, { title: "Once more", id: "more" });
    const html = await report(small, { title: "A <b> & c", theme: "dark", figures: [svg] });
    expect(titles(html).at(-1)).toBe("Once more");
    expect(html).toContain("<title>A &lt;b&gt; &amp; c</title>");
    expect(html.replace(svg, "")).not.toContain("prefers-color-scheme");
  });

  it("takes names as texts", async () => {
    const name = `</figure><script>alert(1)</script>" onload="`;
    const run: RunRecord = JSON.parse(JSON.stringify(small), (key, value) =>
      ["name", "kind"].includes(key) ? name : value,
    );
    const html = await report([run, run]);
    expect(html).not.toContain("<script");
    expect(html).not.toContain('" onload="');
    for (const [svg] of html.matchAll(/<svg[\s\S]*?<\/svg>/g)) parsed(svg);
  });

  it("refuses what it can't show", async () => {
    await expect(report({} as RunRecord)).rejects.toThrow("report: got an object; it must be a");
    await expect(report(small, { theme: "pink" as never })).rejects.toThrow(
      'report: theme is "pink"; it must be "auto", "light" or "dark".',
    );
    await expect(report(small, { figures: ["<p>"] })).rejects.toThrow(
      'report: figures is ["<p>"]; it must be an array of SVG texts, as of decisionBoundary.',
    );
  });
});

describe("toPng", () => {
  const sizeOf = (svg: string) =>
    ["width", "height"].map((name) => Number(new RegExp(` ${name}="(\\d+)"`).exec(svg)![1]));

  it("draws graphs and plots, at any scale", async () => {
    for (const svg of [toSVG(neuron()), await lossCurve(small)]) {
      const [width, height] = sizeOf(svg);
      for (const scale of [1, 2]) {
        const image = await decodeImage(await toPng(svg, { scale }));
        expect([image.width, image.height]).toEqual([width! * scale, height! * scale]);
      }
    }
  });

  it("draws values in green and gradients in red, on the picture's paper", async () => {
    const { data } = await decodeImage(await toPng(toSVG(neuron(), { theme: "light" })));
    const has = (r: number, g: number, b: number) => {
      for (let i = 0; i < data.length; i += 3)
        if (data[i] === r && data[i + 1] === g && data[i + 2] === b) return true;
      return false;
    };
    expect([has(0x0b, 0x7a, 0x2d), has(0xc4, 0x12, 0x2f), has(255, 255, 255)]).toEqual([
      true,
      true,
      true,
    ]);
    const dark = await decodeImage(await toPng(toSVG(neuron(), { theme: "dark" })));
    expect([...dark.data.subarray(0, 3)]).toEqual([0x14, 0x18, 0x1d]);
  });

  it("gives the same bytes each time", async () => {
    const svg = await lossCurve(small);
    expect(Buffer.from(await toPng(svg)).equals(Buffer.from(await toPng(svg)))).toBe(true);
  });

  it("refuses what it can't draw", async () => {
    const svg = toSVG(neuron());
    await expect(toPng("<html>")).rejects.toThrow(
      'toPng: got "<html>"; it must be SVG text, as of toSVG.',
    );
    await expect(toPng(svg, { scale: 0 })).rejects.toThrow(
      "toPng: scale is 0; it must be a number above 0, up to 16.",
    );
    await expect(
      toPng(`<svg xmlns="http://www.w3.org/2000/svg" width="9000" height="10"/>`),
    ).rejects.toThrow(
      "toPng: the picture would be 18000 pixels long, and the most is 16384; give a scale below 1.82",
    );
  });
});
