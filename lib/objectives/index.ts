export * from "./examples";
export * from "./log-probabilities";
export * from "./objective";
export * from "./packing";
export * from "./rewards";
export * from "./sft";
