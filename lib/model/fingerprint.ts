/** Which model is this? */
import { hash, tf } from "../tensor";
import type { Model } from "./checkpoint";

/** Tells base models apart without reading all of their weights: architecture, and the first numbers of every tensor. */
export const modelHash = ({ config, params }: Pick<Model, "config" | "params">): number =>
  Object.entries(params).reduce((h, [name, t]) => tf.tidy(() => hash(`${name}[${t.shape}]${tf.slice(tf.reshape(t, [-1]), 0, Math.min(4, t.size)).dataSync()}`, h)), hash(JSON.stringify(config)));
