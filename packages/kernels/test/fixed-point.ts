/** Fixed-point arithmetic with 320 bits on BigInt, elementary functions from series: the tests' exact numbers. */

// Fixed point: the integer v stands for v / 2³²⁰.
export const BITS = 320n;
export const ONE = 1n << BITS;
export const mul = (a: bigint, b: bigint) => (a * b) >> BITS;
export const div = (a: bigint, b: bigint) => (a << BITS) / b;

export function fixed(x: number): bigint {
  let exponent = 0;
  while (!Number.isInteger(x)) {
    x *= 2;
    exponent++;
  }
  const shift = BITS - BigInt(exponent);
  return shift >= 0n ? BigInt(x) << shift : BigInt(x) >> -shift;
}

/** eʳ for |r| < 1, by its series at r/2⁸. */
function expSeries(r: bigint): bigint {
  const small = r >> 8n;
  let sum = ONE;
  let term = ONE;
  for (let k = 1n; term !== 0n && term !== -1n; k++) {
    term = mul(term, small) / k;
    sum += term;
  }
  for (let i = 0; i < 8; i++) sum = mul(sum, sum);
  return sum;
}

/** 2·atanh(s) for |s| < 1. */
export function atanhTwice(s: bigint): bigint {
  const square = mul(s, s);
  let power = s;
  let sum = 0n;
  for (let k = 1n; power !== 0n && power !== -1n; k += 2n) {
    sum += power / k;
    power = mul(power, square);
  }
  return 2n * sum;
}

export const LN2 = atanhTwice(ONE / 3n);

/** π = 16·arctan(1/5) − 4·arctan(1/239) (J. Machin, 1706). */
const arctanInverse = (n: bigint, one: bigint) => {
  let sum = 0n;
  let power = one / n;
  for (let k = 0n; power !== 0n; k++) {
    sum += (k % 2n ? -power : power) / (2n * k + 1n);
    power /= n * n;
  }
  return sum;
};
/** For reducing the largest float64, π needs 1,024 bits more. */
export const LONG = BITS + 1100n;
export const HALF_PI = 8n * arctanInverse(5n, 1n << LONG) - 2n * arctanInverse(239n, 1n << LONG);

/** A positive number m·2^−320·2^n, of which m keeps many bits. */
export interface Scaled {
  m: bigint;
  n: number;
}

/** e^x for a fixed-point x. */
export function expScaled(x: bigint): Scaled {
  const n = x / LN2;
  return { m: expSeries(x - n * LN2), n: Number(n) };
}

export function logFixed(x: number): bigint {
  const exponent = Math.floor(Math.log2(x)); // may be one off: m stays near [1, 2]
  const m = fixed(exponent < -1000 ? x * 2 ** 1000 * 2 ** (-exponent - 1000) : x * 2 ** -exponent);
  return atanhTwice(div(m - ONE, m + ONE)) + BigInt(exponent) * LN2;
}

/** sin(x + turns·π/2) for x ≥ 0. */
export function sinFixed(x: number, turns: bigint): bigint {
  const long = Number.isInteger(x) ? BigInt(x) << LONG : fixed(x) << (LONG - BITS);
  const n = (2n * long + HALF_PI) / (2n * HALF_PI);
  const r = (long - n * HALF_PI) >> (LONG - BITS);
  const quadrant = (n + turns) % 4n;
  const square = mul(r, r);
  let k = quadrant % 2n ? 1n : 2n;
  let term = quadrant % 2n ? ONE : r;
  let sum = 0n;
  while (term !== 0n && term !== -1n) {
    sum += term;
    term = -mul(term, square) / (k * (k + 1n));
    k += 2n;
  }
  return quadrant >= 2n ? -sum : sum;
}

/** |y − r| in ulps of the float64 nearest r = m·2^n. */
export function ulps64(y: number, { m, n }: Scaled): number {
  const size = m < 0n ? -m : m;
  const exponent = size.toString(2).length - 1 - Number(BITS) + n;
  const last = Math.max(exponent, -1022) - 52;
  // Both as integers in units of 2^(last − 64).
  const shift = BigInt(last - 64 - n) + BITS;
  const exact = shift >= 0n ? m >> shift : m << -shift;
  const steps = y * 2 ** Math.min(-last, 1000) * 2 ** Math.max(-last - 1000, 0);
  const got = (BigInt(Math.trunc(steps)) << 64n) + BigInt((steps % 1) * 2 ** 64);
  const error = got - exact;
  return Number(error < 0n ? -error : error) / 2 ** 64;
}

/** A fixed sequence of fractions (a linear congruential generator). */
export function fractions(seed: number): () => number {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
  return () => (next() + next() / 2 ** 32) / 2 ** 32;
}

/** √v, rounded down: Newton's method from above. */
function wholeRoot(v: bigint): bigint {
  if (v === 0n) return 0n;
  let root = 1n << BigInt((v.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + v / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

export const sqrtFixed = (v: bigint) => wholeRoot(v << BITS);

/** The cube root of v > 0, by Newton's method from above. */
export function cbrtFixed(v: bigint): bigint {
  const wanted = v << (2n * BITS);
  let root = 1n << BigInt(Math.ceil(wanted.toString(2).length / 3) + 1);
  for (;;) {
    const next = (2n * root + wanted / (root * root)) / 3n;
    if (next >= root) return root;
    root = next;
  }
}

/** log v for a fixed-point v > 0. */
export function logOf(v: bigint): bigint {
  const exponent = BigInt(v.toString(2).length - 1) - BITS;
  const m = exponent >= 0n ? v >> exponent : v << -exponent;
  return atanhTwice(div(m - ONE, m + ONE)) + exponent * LN2;
}

/** e^v as a fixed-point number. */
export function expFixed(v: bigint): bigint {
  const { m, n } = expScaled(v);
  return n >= 0 ? m << BigInt(n) : m >> BigInt(-n);
}

export const PI = HALF_PI >> (LONG - BITS - 1n);

/** arctan v, by its series at a 32nd of the angle. */
export function atanFixed(v: bigint): bigint {
  let small = v;
  for (let i = 0; i < 5; i++) small = div(small, ONE + sqrtFixed(ONE + mul(small, small)));
  const square = mul(small, small);
  let power = small;
  let sum = 0n;
  for (let k = 1n; power !== 0n && power !== -1n; k += 2n) {
    sum += power / k;
    power = -mul(power, square);
  }
  return sum << 5n;
}

/** erf v = 2/√π·Σ (−1)ᵏv²ᵏ⁺¹/(k!(2k+1)), of which |v| = 9 leaves 200 bits. */
export function erfFixed(v: bigint): bigint {
  const square = mul(v, v);
  let power = v;
  let sum = 0n;
  for (let k = 0n; power !== 0n && power !== -1n; ) {
    sum += power / (2n * k + 1n);
    k++;
    power = -mul(power, square) / k;
  }
  return div(2n * sum, sqrtFixed(PI));
}
