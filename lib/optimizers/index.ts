export * from "./adam";
export * from "./adamw";
export * from "./clip";
export * from "./optimizer";
export * from "./sgd";
