/** Mutations of JSON that keep it JSON, mostly: values, keys, structure; what JSON.stringify cannot write goes through markers. */
import type { Random } from "tunelab/tensor";

const pick = <T>(random: Random, list: readonly T[]): T => list[random.integer(list.length)];

/** Texts that mean something to code that is not careful. */
export const WORDS = ["", "0", "constructor", "__proto__", "toString", "hasOwnProperty", "length", "../../etc/passwd", "/etc/passwd", "..\\x", "\u0000", "\ud800", "é", "a b", "{{", "x".repeat(3000), "NaN", "F64", "BOOL", "I32", "default", "yarn", "llama3", "linear"];
const NUMBERS = [0, -0, 1, -1, 2, 3, 0.5, -1.5, 7, 8, 64, 255, 65536, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 63, 1e21, 1e308, 5e-324];
/** What is put in as it stands. */
const RAW = ["1e999", "-1e999", "NaN", "01", "\"\\ud800\"", "\"\\u0000\"", "{\"a\":1,\"a\":2}", `${"[".repeat(5000)}${"]".repeat(5000)}`, `${"{\"a\":".repeat(3000)}1${"}".repeat(3000)}`, "[", "}", "", ",", "//", "1e5,", "123456789012345678901234567890", `[${"0,".repeat(2000)}0]`];

type Path = (string | number)[];
function paths(value: unknown, at: Path = [], found: Path[] = []): Path[] {
  found.push(at);
  if (typeof value === "object" && value !== null && found.length < 1500)
    for (const name of Array.isArray(value) ? value.keys() : Object.keys(value)) if (name !== "__proto__") paths((value as any)[name], [...at, name], found);
  return found;
}
const cache = new Map<string, Path[]>();
function pathsOf(text: string, value: unknown): Path[] {
  let known = cache.get(text);
  if (!known) { if (cache.size > 60) cache.clear(); cache.set(text, known = paths(value)); }
  return known;
}

/** A mutated text of the JSON in `text` (which must be JSON), through `count` changes. */
export function mutateJson(text: string, random: Random, count = 1 + random.integer(3)): string {
  const raw: string[] = [], marker = (what: string) => `\u0001${raw.push(what) - 1}\u0001`;
  const root = { root: JSON.parse(text) as unknown }, all = pathsOf(text, root.root);
  const at = (path: Path): unknown => path.reduce<any>((v, name) => (v === null || typeof v !== "object" || !Object.hasOwn(v, name) ? undefined : v[name]), root.root);
  for (let n = 0; n < count; n++) {
    const path = pick(random, all), parent: any = path.length ? at(path.slice(0, -1)) : root, name = path.length ? path.at(-1)! : "root";
    if (parent === null || typeof parent !== "object") continue;
    const now = parent[name], other = () => structuredClone(at(pick(random, all)));
    switch (random.integer(14)) {
      case 0: parent[name] = pick(random, NUMBERS); break;
      case 1: parent[name] = pick(random, WORDS); break;
      case 2: parent[name] = pick(random, [null, true, false, [], {}, [null], [[]], { a: 1 }, [1, 2], ["a"]]); break;
      case 3: parent[name] = marker(pick(random, RAW)); break;
      case 4: if (Array.isArray(parent)) parent.splice(+name, 1); else delete parent[name]; break;
      case 5: parent[name] = other(); break;
      case 6: { const key = random.integer(2) ? pick(random, WORDS) : String(pick(random, all).at(-1) ?? "a"); if (!Array.isArray(parent) && key !== "__proto__") { parent[key] = now; if (random.integer(2)) delete parent[name]; } break; }
      case 7: parent[name] = typeof now === "number" ? pick(random, [now + 1, now - 1, now * 2, -now, now / 2, now * 1e9, now + 0.5]) : typeof now === "string" ? bent(now, random) : [now, now]; break;
      case 8: if (Array.isArray(now)) parent[name] = pick(random, [[...now, ...now], now.slice(1), now.slice(0, -1), [...now].reverse(), [...now, other()], Object.assign({}, now)]); else parent[name] = [now]; break;
      case 9: if (typeof now === "object" && now !== null && !Array.isArray(now)) Object.defineProperty(now, pick(random, WORDS), { value: other(), enumerable: true, writable: true, configurable: true }); else parent[name] = { [String(name)]: now }; break;
      case 10: parent[name] = marker(`${JSON.stringify(now) ?? "0"},"${String(name)}":${JSON.stringify(other()) ?? "0"}`); break; // the key twice, in an object
      case 11: parent[name] = marker(`{"__proto__":${JSON.stringify(now) ?? "0"}}`); break;
      case 12: parent[name] = typeof now === "number" ? String(now) : typeof now === "string" ? Number(now) : now?.[0]; break;
      default: { const [a, b] = [pick(random, all), pick(random, all)]; const pa: any = a.length ? at(a.slice(0, -1)) : root, pb: any = b.length ? at(b.slice(0, -1)) : root; if (pa && pb && typeof pa === "object" && typeof pb === "object" && a.length && b.length && !isInside(a, b)) [pa[a.at(-1)!], pb[b.at(-1)!]] = [pb[b.at(-1)!], pa[a.at(-1)!]]; }
    }
  }
  let out = JSON.stringify(root.root) ?? "";
  if (raw.length) out = out.replace(/"\\u0001(\d+)\\u0001"/g, (_, n) => raw[+n]);
  return out;
}
const isInside = (a: Path, b: Path) => a.every((x, i) => b[i] === x) || b.every((x, i) => a[i] === x);

/** A text with a piece changed. */
export function bent(text: string, random: Random): string {
  const i = random.integer(text.length + 1), j = Math.min(text.length, i + random.integer(4));
  return pick(random, [text.slice(0, i) + text.slice(j), text.slice(0, i) + pick(random, WORDS) + text.slice(i), text + text, text.toUpperCase(), text.slice(0, i) + String.fromCharCode(random.integer(65536)) + text.slice(j), text.replace(/\d+/, String(pick(random, NUMBERS))), text.replace(/\d+/, (n) => String(+n + 1))]);
}
