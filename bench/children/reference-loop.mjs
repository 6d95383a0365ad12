/** A fixed loop of plain JavaScript: what other times of the same process are measured by. Takes some 30 µs. */
const numbers = Float64Array.from({ length: 10_000 }, (_, i) => Math.sin(i));

export function referenceLoop() {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum = sum * 0.5 + numbers[i];
  return sum;
}
