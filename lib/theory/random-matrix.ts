/**
 * Random matrices, as the null against which spectra are read.
 *   Marchenko & Pastur (1967)  eigenvalues of XXᵀ/n, X [p, n] with independent entries of variance σ², γ = p/n:
 *     density √((λ₊ − λ)(λ − λ₋)) / (2π σ² γ λ) on λ± = σ²(1 ± √γ)²; for γ > 1 also a point mass 1 − 1/γ at 0
 *   Tracy & Widom (1996); Johnstone (2001)  the largest one: (λ − μ)/s follows F₁ for Gaussian entries
 *   Baik, Ben Arous & Péché (2005); Benaych-Georges & Nadakuditi (2011, 2012)  where a signal stands out of the bulk, how far it
 *     is pushed outwards, and back
 */
import { TunelabError } from "../errors";

const checked = (gamma: number, sigma2: number): void => {
  if (!(gamma > 0 && Number.isFinite(gamma))) throw new TunelabError(`Marchenko-Pastur: γ = p/n is ${gamma}; it must be above 0.`);
  if (!(sigma2 > 0 && Number.isFinite(sigma2))) throw new TunelabError(`Marchenko-Pastur: the variance σ² is ${sigma2}; it must be above 0.`);
};
/** [λ₋, λ₊] = σ²(1 ∓ √γ)². */
export function marchenkoPasturEdges(gamma: number, sigma2 = 1): [number, number] {
  checked(gamma, sigma2);
  return [sigma2 * (1 - Math.sqrt(gamma)) ** 2, sigma2 * (1 + Math.sqrt(gamma)) ** 2];
}
/** Density at x, without the point mass at 0 that γ > 1 has. */
export function marchenkoPasturDensity(x: number, gamma: number, sigma2 = 1): number {
  const [low, high] = marchenkoPasturEdges(gamma, sigma2);
  return x > low && x < high ? Math.sqrt((high - x) * (x - low)) / (2 * Math.PI * sigma2 * gamma * x) : 0;
}
/** P(λ ≤ x), with the point mass. The square roots at the edges are taken out by x = mid − half · cos φ. */
export function marchenkoPasturCdf(x: number, gamma: number, sigma2 = 1): number {
  const [low, high] = marchenkoPasturEdges(gamma, sigma2), mass = Math.max(0, 1 - 1 / gamma);
  if (x < 0) return 0;
  if (x >= high) return 1;
  if (x <= low) return mass;
  const middle = (low + high) / 2, half = (high - low) / 2, end = Math.acos((middle - x) / half), pieces = 400, h = end / pieces;
  const f = (phi: number) => { const t = middle - half * Math.cos(phi); return t > 0 ? (half * Math.sin(phi)) ** 2 / (2 * Math.PI * sigma2 * gamma * t) : half / (Math.PI * sigma2 * gamma); };
  let sum = 0; // Simpson
  for (let i = 0; i <= pieces; i++) sum += (i === 0 || i === pieces ? 1 : i % 2 ? 4 : 2) * f(i * h);
  return Math.min(1, mass + (sum * h) / 3);
}
/** x with P(λ ≤ x) = probability; 0 within the point mass. */
export function marchenkoPasturQuantile(probability: number, gamma: number, sigma2 = 1): number {
  let [low, high] = marchenkoPasturEdges(gamma, sigma2);
  if (probability <= Math.max(0, 1 - 1 / gamma)) return 0;
  for (let i = 0; i < 60; i++) { const middle = (low + high) / 2; if (marchenkoPasturCdf(middle, gamma, sigma2) < probability) low = middle; else high = middle; }
  return (low + high) / 2;
}

/** F₁ and its quantiles, from Painlevé II: q'' = xq + 2q³, q ~ Ai; F₁(x) = exp(−½ ∫ₓ^∞ q + (s − x) q² ds). */
let table: { x: number[]; F: number[] } | undefined;
function tracyWidomTable(): { x: number[]; F: number[] } {
  if (table) return table;
  // Ai and Ai' at 6 by their asymptotic series (DLMF 9.7), good to 1e-8 there.
  const start = 6, end = -8, h = -1e-3, zeta = (2 / 3) * start ** 1.5;
  let u = 1, ai = 1, derivative = 1;
  for (let k = 1; k <= 8; k++) { u *= ((6 * k - 5) * (6 * k - 3) * (6 * k - 1)) / ((2 * k - 1) * 216 * k); ai += ((-1) ** k * u) / zeta ** k; derivative += ((-1) ** k * u * ((6 * k + 1) / (1 - 6 * k))) / zeta ** k; }
  const envelope = Math.exp(-zeta) / (2 * Math.sqrt(Math.PI));
  // State: q, q', ∫q, ∫q², ∫(s − x)q²; what lies beyond 6 is added by its leading term.
  const q0 = (envelope * ai) / start ** 0.25, slope = -envelope * derivative * start ** 0.25;
  let y = [q0, slope, q0 / Math.sqrt(start), q0 ** 2 / (2 * Math.sqrt(start)), q0 ** 2 / (4 * start)];
  const change = (x: number, [q, p, , J]: number[]) => [p, x * q + 2 * q ** 3, -q, -q * q, -J], along = (y: number[], k: number[], c: number) => y.map((v, i) => v + c * k[i]);
  const xs: number[] = [], F: number[] = [];
  for (let i = 0, x = start; x > end - 1e-9; i++, x = start + i * h) {
    xs.push(x); F.push(Math.exp(-0.5 * (y[2] + y[4])));
    const a = change(x, y), b = change(x + h / 2, along(y, a, h / 2)), c = change(x + h / 2, along(y, b, h / 2)), d = change(x + h, along(y, c, h));
    y = y.map((v, j) => v + (h / 6) * (a[j] + 2 * b[j] + 2 * c[j] + d[j]));
  }
  return (table = { x: xs.reverse(), F: F.reverse() });
}
/** F₁(x): the Tracy-Widom law of real symmetric matrices. */
export function tracyWidomCdf(x: number): number {
  const { x: xs, F } = tracyWidomTable();
  if (x <= xs[0]) return 0;
  if (x >= xs.at(-1)!) return 1;
  const at = (x - xs[0]) / 1e-3, i = Math.min(Math.floor(at), F.length - 2);
  return F[i] + (at - i) * (F[i + 1] - F[i]);
}
export function tracyWidomQuantile(probability: number): number {
  let low = -8, high = 6;
  for (let i = 0; i < 60; i++) { const middle = (low + high) / 2; if (tracyWidomCdf(middle) < probability) low = middle; else high = middle; }
  return (low + high) / 2;
}
/** Centre and scale of the largest eigenvalue of XXᵀ/n, X [p, n] Gaussian of variance σ² (Johnstone 2001). */
export function johnstone(p: number, n: number, sigma2 = 1): { centre: number; scale: number } {
  const a = Math.sqrt(n - 1), b = Math.sqrt(p);
  return { centre: (sigma2 * (a + b) ** 2) / n, scale: ((sigma2 * (a + b)) / n) * (1 / a + 1 / b) ** (1 / 3) };
}
/** The probability that noise alone gives a largest eigenvalue of at least this. */
export const edgePValue = (largest: number, p: number, n: number, sigma2 = 1): number => { const { centre, scale } = johnstone(p, n, sigma2); return 1 - tracyWidomCdf((largest - centre) / scale); };

export interface Spike {
  /** Eigenvalue as observed. */
  observed: number;
  /** ℓ, the population's eigenvalue that it comes from, in the unit of the spectrum. */
  population: number;
  /** Squared cosine between the observed and the true eigenvector. */
  alignment: number;
  /** Probability of one this large without signal. */
  pValue: number;
}
export interface BulkFit {
  /** Variance of the noise. */
  sigma2: number;
  gamma: number;
  edges: [number, number];
  /** Largest distance between the bulk's distribution and Marchenko and Pastur's (Kolmogorov-Smirnov). */
  distance: number;
  spikes: Spike[];
}
/**
 * Fits σ² to the bulk of the eigenvalues of XXᵀ/n (X is [p, n]; give all p of them, any order), and names what stands out.
 * σ² is the median of the bulk over the law's median; spikes (Tracy-Widom, `level`) are left out of it until none is added.
 */
export function fitMarchenkoPastur(eigenvalues: ArrayLike<number>, n: number, level = 0.01): BulkFit {
  const all = Float64Array.from(eigenvalues as ArrayLike<number>).sort().reverse(), p = all.length, gamma = p / n;
  if (!(p >= 10 && Number.isInteger(n) && n >= 2)) throw new TunelabError(`fitMarchenkoPastur: ${p} eigenvalues of ${n} samples; at least 10 of at least 2 are needed.`);
  // Zeros that γ > 1 brings are no part of the continuous bulk.
  const zeros = gamma > 1 ? p - n : 0;
  let spikes = 0, sigma2 = 0;
  for (let round = 0; round < 50; round++) {
    const bulk = all.subarray(spikes, p - zeros), middle = (bulk[Math.floor((bulk.length - 1) / 2)] + bulk[Math.floor(bulk.length / 2)]) / 2, mass = Math.max(0, 1 - 1 / gamma);
    sigma2 = middle / marchenkoPasturQuantile(mass + (1 - mass) / 2, gamma);
    if (!(sigma2 > 0)) throw new TunelabError("fitMarchenkoPastur: half of the eigenvalues are 0, so there is no bulk of noise to fit; the matrix is of low rank as it stands.");
    const critical = johnstone(p, n, sigma2), limit = critical.centre + critical.scale * tracyWidomQuantile(1 - level), found = all.findIndex((l) => l <= limit);
    const next = Math.min(found < 0 ? p : found, Math.floor(p / 3));
    if (next <= spikes) break;
    spikes = next;
  }
  const bulk = all.subarray(spikes, p - zeros), mass = Math.max(0, 1 - 1 / gamma), law = (x: number) => (marchenkoPasturCdf(x, gamma, sigma2) - mass) / (1 - mass);
  const distance = bulk.reduce((worst, l, i) => Math.max(worst, Math.abs(law(l) - (bulk.length - i - 0.5) / bulk.length)), 0);
  return {
    sigma2, gamma, edges: marchenkoPasturEdges(gamma, sigma2), distance,
    spikes: Array.from(all.subarray(0, spikes), (observed) => ({ observed, ...debiasCovariance(observed, gamma, sigma2), pValue: edgePValue(observed, p, n, sigma2) })),
  };
}

/** Spiked covariance: a population eigenvalue ℓ among others equal to σ² is seen at ℓ(1 + γσ²/(ℓ − σ²)) if ℓ > σ²(1 + √γ), else at the edge. */
export const spikedCovariance = (ell: number, gamma: number, sigma2 = 1): number => (ell > sigma2 * (1 + Math.sqrt(gamma)) ? ell * (1 + (gamma * sigma2) / (ell - sigma2)) : marchenkoPasturEdges(gamma, sigma2)[1]);
/** Back: the population's eigenvalue, and the squared cosine of the eigenvectors. An observation within the bulk tells nothing: ℓ = σ², 0. */
export function debiasCovariance(observed: number, gamma: number, sigma2 = 1): { population: number; alignment: number } {
  if (!(observed > marchenkoPasturEdges(gamma, sigma2)[1])) return { population: sigma2, alignment: 0 };
  const l = observed / sigma2, b = l + 1 - gamma, ell = (b + Math.sqrt(b * b - 4 * l)) / 2, d = ell - 1;
  return { population: ell * sigma2, alignment: (1 - gamma / d ** 2) / (1 + gamma / d) };
}
/** Added signal: θ in M + ZZᵀ/n (noise of variance 1, γ = p/n) is seen at θ + θ/(θ − γ) if θ > γ + √γ, else at the edge. */
export const spikedSum = (theta: number, gamma: number): number => (theta > gamma + Math.sqrt(gamma) ? theta + theta / (theta - gamma) : marchenkoPasturEdges(gamma)[1]);
/** Back; undefined within the bulk. */
export function debiasSum(observed: number, gamma: number): number | undefined {
  if (!(observed > marchenkoPasturEdges(gamma)[1])) return undefined;
  const b = observed + gamma - 1;
  return (b + Math.sqrt(b * b - 4 * gamma * observed)) / 2;
}
