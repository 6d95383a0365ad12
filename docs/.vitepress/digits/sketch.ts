/** What was drawn, as MNIST has its digits: in a box of 20 × 20, its centre of mass in the middle of 28 × 28. */
const [side, box] = [28, 20];

/** @returns null while nothing is drawn */
export function toDigit(canvas: HTMLCanvasElement): Uint8Array | null {
  const { width, height } = canvas;
  const ink = canvas
    .getContext("2d", { willReadFrequently: true })!
    .getImageData(0, 0, width, height).data;
  let [left, right, top, bottom] = [width, -1, height, -1];
  let [mass, sumX, sumY] = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = ink[4 * (y * width + x)]!;
      if (value === 0) continue;
      [left, right, top, bottom] = [
        Math.min(left, x),
        Math.max(right, x),
        Math.min(top, y),
        Math.max(bottom, y),
      ];
      [mass, sumX, sumY] = [mass + value, sumX + value * x, sumY + value * y];
    }
  }
  if (mass === 0) return null;
  const scale = box / (Math.max(right - left, bottom - top) + 1);
  const small = document.createElement("canvas");
  small.width = small.height = side;
  const context = small.getContext("2d", { willReadFrequently: true })!;
  context.imageSmoothingQuality = "high";
  context.translate(side / 2, side / 2);
  context.scale(scale, scale);
  context.drawImage(canvas, -(sumX / mass), -(sumY / mass));
  const pixels = context.getImageData(0, 0, side, side).data;
  return Uint8Array.from({ length: side * side }, (_, i) =>
    Math.round((pixels[4 * i]! * pixels[4 * i + 3]!) / 255),
  );
}
