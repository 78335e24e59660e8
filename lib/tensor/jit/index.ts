export { fusedBlock, type FusedBlock } from "./fused";
export { compiles, jit, type Jitted } from "./jit";
export type { Tree } from "./tree";
export { compiledBlock, type BlockOptions } from "./vjp";
