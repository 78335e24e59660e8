/** Where a notebook finds the course's files, and how much work it may do. */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../errors";

/** Path of a file or folder of the course, e.g. courseFile("data/security-qa/en/train.jsonl"), from wherever the notebook lies. */
export function courseFile(name: string): string {
  for (let folder = process.cwd(); ; folder = path.dirname(folder)) {
    if (fs.existsSync(path.join(folder, "notebooks")) && fs.existsSync(path.join(folder, "lib", "package.json"))) {
      const found = path.join(folder, name);
      if (!fs.existsSync(found)) throw new TunelabError(`The course has no ${name}; \`npm run setup\` makes what is missing.`);
      return path.relative(process.cwd(), found) || ".";
    }
    if (folder === path.dirname(folder)) throw new TunelabError(`This notebook lies outside the course, so ${name} cannot be found; open it from the course's notebooks folder.`);
  }
}

/** Amount of work: the full one, or the reduced one with which the course is tested (TUNELAB_QUICK=1). */
export const budget = (full: number, quick: number): number => (process.env.TUNELAB_QUICK === "1" ? quick : full);

/** The course's own small bilingual model (data/course-model): path for load(). */
export const courseModel = (): string => courseFile("data/course-model");
