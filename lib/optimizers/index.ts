export * from "./adalomo";
export * from "./adam";
export * from "./adamw";
export * from "./clip";
export * from "./lomo";
export * from "./optimizer";
export * from "./sgd";
