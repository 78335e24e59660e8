export * from "./fused";
export * from "./batches";
export * from "./compare";
export * from "./history";
export { trainableLine, trainableTable } from "./report";
export * from "./schedule";
export * from "./state";
export * from "./step";
export * from "./train";
