import { describe, expect, it } from "@jest/globals";
import { concat, Generator, narrow, select } from "@tapegrad/core";
import {
  fromSpec,
  gru,
  linear,
  lstm,
  multiHeadAttention,
  readout,
  sequential,
} from "../src/index.ts";
import { checkGradients, waves } from "./waves.ts";

const float64 = { dtype: "float64" } as const;

describe("readout", () => {
  it("makes a chain of a recurrent layer and others, described by a spec", () => {
    const model = sequential([readout(lstm(3, 4, float64)), linear(4, 2, float64)]);
    const x = waves([5, 2, 3], 1);
    expect(model(x).shape).toEqual([5, 2, 2]);
    const twin = fromSpec(JSON.parse(JSON.stringify(model.spec)));
    expect(twin.spec).toEqual(model.spec);
    twin.loadStateDict(model.stateDict());
    expect(String(twin(x))).toBe(String(model(x)));
    checkGradients(model, [waves([2, 1, 3], 1)], (input) => model(input!), { twice: false });
  });

  it("reads the last layer's hidden state at the end, both directions", () => {
    const options = { numLayers: 2, bidirectional: true, ...float64, generator: new Generator(1) };
    const layer = gru(3, 4, options);
    const x = waves([5, 2, 3], 1);
    const { output, hidden } = layer(x);
    const y = readout(layer, "last")(x);
    expect(y.toArray()).toEqual(concat([select(hidden, 0, 2), select(hidden, 0, 3)], -1).toArray());
    // Forwards the end is the last step, backwards the first.
    const [forwards, backwards] = [select(output, 0, 4), select(output, 0, 0)];
    expect(y.toArray()).toEqual(
      concat([narrow(forwards, 1, 0, 4), narrow(backwards, 1, 4, 4)], 1).toArray(),
    );
    expect(readout(layer, "last")(select(x, 1, 0)).shape).toEqual([8]);
  });

  it("refuses what has no such part", () => {
    const attention = multiHeadAttention(4, 2, float64);
    expect(readout(attention)(waves([3, 2, 4], 1)).shape).toEqual([3, 2, 4]);
    expect(() => readout(attention, "last")(waves([3, 2, 4], 1))).toThrow(
      'readout: MultiHeadAttention returns no hidden state; "last" needs a recurrent layer.',
    );
    expect(() => readout(attention, "first" as never)).toThrow(
      'readout: part is "first"; it must be one of "output", "last".',
    );
  });
});
