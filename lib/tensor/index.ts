export * from "./backend";
export * from "./jit";
export * from "./linalg";
export * from "./ops";
export * from "./params";
export * from "./random";
