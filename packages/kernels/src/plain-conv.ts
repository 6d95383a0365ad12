/** Convolutions by their definition, for the plain twin. */
import type { ConvGeometry } from "./interface.ts";

/**
 * Calls `visit` with the positions in x [N, C, …], weight [O, C/groups, …] and y [N, O, …] of everything that
 * is multiplied.
 */
export function eachFactor(
  g: ConvGeometry,
  images: number,
  channels: number,
  outChannels: number,
  visit: (x: number, weight: number, y: number) => void,
): void {
  const [inGroup, outGroup] = [channels / g.groups, outChannels / g.groups];
  const places = indices(g.output);
  const taps = indices(g.kernel);
  const pixels = g.input.reduce((a, b) => a * b, 1);
  for (let n = 0; n < images; n++) {
    for (let o = 0; o < outChannels; o++) {
      for (let c = 0; c < inGroup; c++) {
        const plane = n * channels + Math.floor(o / outGroup) * inGroup + c;
        for (let p = 0; p < places.length; p++) {
          for (let k = 0; k < taps.length; k++) {
            let at = 0;
            const inside = g.input.every((size, axis) => {
              const i =
                places[p][axis] * g.stride[axis] +
                taps[k][axis] * g.dilation[axis] -
                g.before[axis];
              at = at * size + i;
              return i >= 0 && i < size;
            });
            if (!inside) continue;
            const weight = (o * inGroup + c) * taps.length + k;
            visit(plane * pixels + at, weight, (n * outChannels + o) * places.length + p);
          }
        }
      }
    }
  }
}

/** Every index of an array of this shape, the last axis fastest. */
function indices(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (lists, size) => lists.flatMap((list) => Array.from({ length: size }, (_, i) => [...list, i])),
    [[]],
  );
}
