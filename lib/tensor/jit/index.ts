export { compiles, jit, type Jitted } from "./jit";
export type { Tree } from "./tree";
export { compiledBlock } from "./vjp";
