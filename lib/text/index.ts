export * from "./clean";
export * from "./diff";
export * from "./duplicates";
export * from "./jsonl";
export * from "./split";
