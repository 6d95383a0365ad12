// What `setNumerics("fast")` puts in place of the same exports of index.ts: compiled with relaxed SIMD.
export * from "./gemm";
