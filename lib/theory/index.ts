export * from "./curvature";
export * from "./operator";
export * from "./problem";
export * from "./vector";
