export * from "./examples";
export * from "./objective";
export * from "./packing";
export * from "./rewards";
export * from "./sft";
