/** Pickle, Python's format for objects: reading a file can run any code in it, so none is read here, and errors say what to do instead. */
import * as fs from "node:fs";

const PICKLE = /\.(bin|pt|pth|ckpt|pkl|pickle)$/;
export const isPickle = (file: string): boolean => PICKLE.test(file);
/** The first file of a folder that looks like one. */
export const pickleIn = (folder: string): string | undefined => (fs.existsSync(folder) ? fs.readdirSync(folder).find(isPickle) : undefined);
export const WHY_NO_PICKLE = "a pickle file, which can run any code when it is read and is therefore not supported";
