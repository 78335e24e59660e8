export * from "./adalomo";
export * from "./adamw";
export * from "./clip";
export * from "./lomo";
export * from "./optimizer";
