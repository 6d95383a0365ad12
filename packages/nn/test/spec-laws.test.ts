/** What holds for any spec: those that are right go round, and any other is refused in so many words. */
import { describe, expect, it } from "@jest/globals";
import { Generator, randn, TapegradError } from "@tapegrad/core";
import fc from "fast-check";
import { type AnyModule, fromSpec, type Json, type Spec } from "../src/index.ts";

const settings = { seed: 20, numRuns: 100 };
const width = 4;

/** Specs of modules that keep [N, 4]: nested, named or not. */
const { block } = fc.letrec<{ block: Spec; layers: Json }>((tie) => ({
  block: fc.oneof(
    { maxDepth: 4, depthIdentifier: "block" },
    fc.constantFrom<Spec>({ type: "relu" }, { type: "tanh" }, { type: "identity" }),
    fc.record({
      type: fc.constant("linear"),
      inFeatures: fc.constantFrom(width, null),
      outFeatures: fc.constant(width),
      bias: fc.boolean(),
    }),
    fc.record({ type: fc.constant("dropout"), p: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ type: fc.constant("sequential"), layers: tie("layers") }),
    fc.record({
      type: fc.constant("residual"),
      body: tie("block"),
      shortcut: fc.option(tie("block")),
    }),
    fc.record({
      type: fc.constant("parallel"),
      branches: tie("layers").filter((layers) => Object.keys(layers as object).length > 0),
      merge: fc.constantFrom("sum", "mean", "mul"),
      axis: fc.constant(1),
    }),
  ),
  layers: fc.oneof(
    fc.array(tie("block"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "head", "out_proj", "Ω"), tie("block"), {
      minKeys: 1,
      maxKeys: 3,
    }),
  ) as fc.Arbitrary<Json>,
}));

/** Values that a spec may hold by mistake. */
const anything = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(undefined, Number.NaN, -1, 0, 1.5, 2 ** 60, "", "__proto__", []),
);

/** Every place in a spec. */
function placesIn(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, item]) => placesIn(item, [...path, key]))];
}

/** A copy with another value at a place. */
function changed(value: unknown, path: readonly string[], other: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return other;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<
    string,
    unknown
  >;
  copy[key] = changed(copy[key], rest, other);
  return copy;
}

describe("any spec", () => {
  it("goes round, and so do the weights", () => {
    fc.assert(
      fc.property(block, (spec) => {
        const model = fromSpec(spec);
        expect(JSON.parse(JSON.stringify(model.spec))).toEqual(JSON.parse(JSON.stringify(spec)));
        const x = randn([2, width], { generator: new Generator(1) });
        const y = model.eval()(x);
        const twin = fromSpec(model.initialize([1, width]).isInitialized ? model.spec : null);
        twin.loadStateDict(model.stateDict());
        expect(twin.eval()(x).toArray()).toEqual(y.toArray());
        expect(String(twin)).toBe(String(model));
      }),
      settings,
    );
  });

  it("with something else at a place is built, or refused with a message", () => {
    fc.assert(
      fc.property(block, fc.nat(), anything, (spec, place, other) => {
        const places = placesIn(spec);
        const wrong = changed(spec, places[place % places.length]!, other);
        let model: AnyModule | null = null;
        try {
          model = fromSpec(wrong, { maxParameters: 10_000 });
        } catch (error) {
          expect(error).toBeInstanceOf(TapegradError);
          expect((error as Error).message).toMatch(/^fromSpec:[\s\S]+[.?]$/);
        }
        if (model !== null) expect(typeof model.spec.type).toBe("string");
      }),
      { ...settings, numRuns: 300 },
    );
  });

  it("that is any JSON is refused, or has a type that is known", () => {
    fc.assert(
      fc.property(anything, (json) => {
        expect(() => fromSpec(json)).toThrow(/^fromSpec: /);
      }),
      settings,
    );
  });
});
