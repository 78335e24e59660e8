export * from "./bleu";
export * from "./bootstrap";
export * from "./classification";
export * from "./cost";
export * from "./perplexity";
export * from "./porter";
export * from "./power-law";
export * from "./rouge";
