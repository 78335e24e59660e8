export * from "./full";
export * from "./lora";
export * from "./method";
export * from "./peft";
export * from "./targets";
