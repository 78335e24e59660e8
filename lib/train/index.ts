export * from "./fused";
export * from "./batches";
export * from "./history";
export * from "./schedule";
export * from "./state";
export * from "./step";
export * from "./train";
