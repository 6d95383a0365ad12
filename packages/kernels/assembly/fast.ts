// What `setNumerics("fast")` puts in place of the same exports of index.ts: compiled with relaxed SIMD.
export * from "./attention";
export * from "./conv";
export * from "./depthwise";
export * from "./gemm";
