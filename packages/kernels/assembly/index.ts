export * from "./copy";
export * from "./elementwise";
export * from "./gemm";
export * from "./indexing";
export * from "./reduce";
export * from "./scalar";
