/**
 * Special functions of one number, in float64: the twins of assembly/erf.ts and assembly/special.ts. Relative
 * accuracy is a few units in the last place, absolute near the zeros of lgamma and digamma away from 1 and 2.
 */

const SQRT_PI = Math.sqrt(Math.PI);

/** Σ 2ⁿ·x²ⁿ⁺¹ / (2n+1)!! · 2/√π·e^(−x²): positive terms only, for |x| up to about 3 (Abramowitz and Stegun 7.1.6). */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 2 ** -56 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / SQRT_PI) * gauss(x) * sum;
}

/** e^(−x²), with x split so that the larger part's square is exact. */
function gauss(x: number): number {
  const large = Math.fround(x);
  return Math.exp(-large * large) * Math.exp((large - x) * (large + x));
}

/** e^(−x²)/√π · 1/(x + ½/(x + 1/(x + 3⁄2/(x + …)))), for x ≥ 2 (Abramowitz and Stegun 7.1.14). */
function erfcFraction(x: number): number {
  let tail = x;
  for (let n = 120; n > 0; n--) tail = x + n / 2 / tail;
  return gauss(x) / (SQRT_PI * tail);
}

/** φ(x) = e^(−x²/2) / √(2π). */
export function normalDensity(x: number): number {
  if (Math.abs(x) > 40) return 0;
  const large = Math.fround(x); // as in gauss
  return (
    (Math.exp((-large * large) / 2) * Math.exp(((large - x) * (large + x)) / 2)) /
    Math.sqrt(2 * Math.PI)
  );
}

/** Φ(x) = ½·erfc(−x/√2), or φ(x)/(z + 1/(z + 2/(z + 3/(z + …)))) far out, z = −x (Abramowitz and Stegun 26.2.14). */
export function normal(x: number): number {
  if (!(x < -3)) return 0.5 * erfc(-x * Math.SQRT1_2);
  let tail = -x;
  for (let n = 120; n > 0; n--) tail = -x + n / tail;
  return normalDensity(x) / tail;
}

/** erf x = 2/√π ∫₀ˣ e^(−t²) dt. */
export function erf(x: number): number {
  if (Number.isNaN(x) || x === 0) return x;
  if (Math.abs(x) < 2) return erfSeries(x);
  return Math.sign(x) * (1 - erfc(Math.abs(x)));
}

/**
 * erfc x = 1 − erf x. Between ½ and 2 from the Taylor series of erfc around 2, which keeps the digits that
 * 1 − erf x would lose: cₙ₊₁ follows from the equation y″ = −2x·y′.
 */
export function erfc(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x < 0.5) return x < -6 ? 2 : 1 - erf(x);
  if (x >= 2) return x > 28 ? 0 : erfcFraction(x);
  const h = x - 2;
  // y = Σ cₙhⁿ about 2: (n+2)(n+1)cₙ₊₂ = −4(n+1)cₙ₊₁ − 2n·cₙ
  let [before, now] = [erfcFraction(2), (-2 / SQRT_PI) * Math.exp(-4)];
  let power = h;
  let sum = before + now * h;
  for (let n = 0; n < 60; n++) {
    [before, now] = [now, (-4 * (n + 1) * now - 2 * n * before) / ((n + 2) * (n + 1))];
    power *= h;
    sum += now * power;
  }
  return sum;
}

/** y with erf y = x; ±∞ at ±1. Newton's steps from Winitzki's approximation (2008), through erfc in the tails. */
export function erfinv(x: number): number {
  const a = Math.abs(x);
  if (!(a < 1)) return a === 1 ? x * Infinity : NaN;
  if (a === 0) return x;
  const l = Math.log1p(-a * a);
  const b = 2 / (Math.PI * 0.147) + l / 2;
  let y = Math.sqrt(Math.max(Math.sqrt(b * b - l / 0.147) - b, 0));
  if (a < 1e-4) y = (a * SQRT_PI) / 2;
  for (let step = 0; step < 3; step++) {
    const error = a < 0.5 ? erf(y) - a : 1 - a - erfc(y);
    const newton = (error * SQRT_PI) / (2 * gauss(y));
    y -= newton / (1 + y * newton); // Halley's: f″/f′ = −2y
  }
  return x < 0 ? -y : y;
}

/** Bernoulli numbers B₂, B₄, …, B₂₀. */
const BERNOULLI = [
  1 / 6,
  -1 / 30,
  1 / 42,
  -1 / 30,
  5 / 66,
  -691 / 2730,
  7 / 6,
  -3617 / 510,
  43867 / 798,
  -174611 / 330,
];

/** From here on the asymptotic series reach full precision. */
const ASYMPTOTIC = 13;

const LOG_2PI_HALF = Math.log(2 * Math.PI) / 2;

/**
 * ζ(s, a)·c^−s = Σ (ca + cn)^−s for a > 0, s > 1: first terms, then Euler's and Maclaurin's formula, from
 * a = s + 13 on.
 */
function hurwitz(s: number, a: number, c = 1): number {
  let sum = 0;
  for (; a < ASYMPTOTIC + s; a++) {
    const term = (a * c) ** -s;
    sum += term;
    // What follows is less than ∫ from a on, a·term/(s − 1).
    if (a * term < 2 ** -54 * (s - 1) * sum) return sum;
  }
  const term = (a * c) ** -s;
  sum += (a / (s - 1) + 0.5) * term;
  // B₂ₖ/(2k)! · s(s+1)…(s+2k−2) · a^(1−s−2k)
  let factor = (0.5 * s * term) / a;
  for (let k = 1; k <= BERNOULLI.length; k++) {
    sum += BERNOULLI[k - 1] * factor;
    factor *= ((s + 2 * k - 1) * (s + 2 * k)) / ((2 * k + 1) * (2 * k + 2) * (a * a));
  }
  return sum;
}

const EULER = 0.5772156649015329;

/** ζ(k) − 1 for k = 2, 3, …: Taylor coefficients of log Γ about 2. */
const ZETA_LESS_1 = Array.from({ length: 50 }, (_, i) => hurwitz(i + 2, 2));

/** log Γ(2 + z) = (1 − γ)z + Σ (−1)ᵏ(ζ(k) − 1)zᵏ/k, for |z| ≤ ½ (Abramowitz and Stegun 6.1.33). */
function lgammaNear2(z: number): number {
  let sum = 0;
  for (let k = ZETA_LESS_1.length + 1; k >= 2; k--) {
    sum = sum * z + ((k % 2 === 0 ? 1 : -1) * ZETA_LESS_1[k - 2]) / k;
  }
  return z * (1 - EULER + z * sum);
}

/** sin πx, exact at whole and half numbers. */
function sinPi(x: number): number {
  const r = x - 2 * Math.round(x / 2);
  if (Math.abs(r) === 1) return 0;
  return Math.abs(r) > 0.5 ? Math.sin(Math.PI * (Math.sign(r) - r)) : Math.sin(Math.PI * r);
}

/** log |Γ(x)|; ∞ at 0, −1, −2, …. */
export function lgamma(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) === Infinity) return Infinity;
  if (x <= 0) {
    if (Number.isInteger(x)) return Infinity;
    // Γ(x)Γ(1 − x) = π / sin πx
    return Math.log(Math.PI / Math.abs(sinPi(x))) - lgamma(1 - x);
  }
  // log Γ(x) = log Γ(x + 1) − log x; about 1 the two series meet in 1 + z with z = x − 1.
  if (x < 0.5) return lgamma(x + 1) - Math.log(x);
  if (x < 1.5) return lgammaNear2(x - 1) - Math.log1p(x - 1);
  if (x <= 2.5) return lgammaNear2(x - 2);
  let product = 1;
  for (; x < ASYMPTOTIC && x > 2.5; x--) product *= x - 1;
  if (product > 1) return Math.log(product) + lgammaNear2(x - 2);
  // Stirling's series.
  let sum = 0;
  for (let k = BERNOULLI.length; k >= 1; k--) {
    sum = sum / (x * x) + BERNOULLI[k - 1] / (2 * k * (2 * k - 1));
  }
  return (x - 0.5) * (Math.log(x) - 1) + (LOG_2PI_HALF - 0.5) + sum / x;
}

/** ψ(x) = d/dx log Γ(x); NaN at −1, −2, …, and ∓∞ at ±0. */
export function digamma(x: number): number {
  if (x === 0) return -1 / x;
  if (x < 0) {
    if (Number.isInteger(x) || x === -Infinity) return NaN;
    // ψ(1 − x) − ψ(x) = π cot πx
    return digamma(1 - x) - (Math.PI * sinPi(x + 0.5)) / sinPi(x);
  }
  let shift = 0;
  for (; x < ASYMPTOTIC; x++) shift += 1 / x;
  let sum = 0;
  for (let k = BERNOULLI.length; k >= 1; k--) sum = (sum + BERNOULLI[k - 1] / (2 * k)) / (x * x);
  return Math.log(x) - 0.5 / x - (x === Infinity ? 0 : sum) - shift;
}

/** Factorials beyond leave the range of float64. */
const MOST_DERIVATIVES = 170;
/** Below, the steps up to positive arguments are too many. */
const LEAST_POLYGAMMA = -1e6;

/** The n-th derivative of ψ, 0 ≤ n ≤ 170: (−1)ⁿ⁺¹ n! ζ(n + 1, x); NaN for another n, and for fractions below −10⁶. */
export function polygamma(n: number, x: number): number {
  if (n === 0) return digamma(x);
  if (!(Number.isInteger(n) && n > 0 && n <= MOST_DERIVATIVES) || Number.isNaN(x)) return NaN;
  if (x === Infinity) return 0;
  let factorial = 1;
  for (let k = 2; k <= n; k++) factorial *= k;
  const sign = n % 2 === 0 ? -1 : 1;
  if (x <= 0) {
    if (Number.isInteger(x) || x === -Infinity) return n % 2 === 0 ? NaN : Infinity;
    if (x < LEAST_POLYGAMMA) return NaN;
  }
  // Upwards through ζ(s, x) = x^−s + ζ(s, x + 1) to positive arguments.
  let sum = 0;
  for (; x < 0; x++) sum += x ** -(n + 1);
  // Powers of a large x, scaled to about 1, don't vanish before the factorial meets them.
  const scale = x < 1 ? 1 : 2 ** -Math.floor(Math.log2(x));
  const y = sign * factorial * (sum + hurwitz(n + 1, x, scale));
  const half = Math.floor(n / 2);
  return y * scale ** half * scale ** (n + 1 - half);
}
