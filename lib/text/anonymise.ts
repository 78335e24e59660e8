/** Anonymisation: personal data becomes <PERSON_1>, <EMAIL_2>, …; the same person, address or number has the same placeholder in all texts. */
import { findPersonal, type PersonalSpan, type PersonalType } from "./personal";

export interface Anonymised {
  text: string;
  /** What was replaced, in places of the original text. */
  spans: (PersonalSpan & { placeholder: string })[];
}
export interface Anonymiser {
  /** Replaces what findPersonal finds, or spans of your own. */
  (text: string, spans?: readonly PersonalSpan[]): Anonymised;
  /** What each placeholder stands for, as it was first written. This table undoes the anonymisation: keep it apart, or not at all. */
  originals: ReadonlyMap<string, string>;
}

/** One value, however it is written: digits of a number, an address in lower case, a name without the case and with single spaces. */
const sameValue = (type: PersonalType, value: string): string => {
  if (type === "PHONE") return value.replace(/\D/g, "").replace(/^86(?=1\d{10}$)/, "");
  return type === "KEY" ? value : value.toLowerCase().replace(/\s+/g, " ");
};

/** A new anonymiser, which numbers from 1. `const hide = anonymiser(); texts.map((t) => hide(t).text)` */
export function anonymiser({ types }: { types?: readonly PersonalType[] } = {}): Anonymiser {
  const names = new Map<string, string>(), originals = new Map<string, string>(), next = new Map<string, number>();
  const placeholder = (type: PersonalType, value: string): string => {
    const key = `${type} ${sameValue(type, value)}`;
    let name = names.get(key);
    if (!name) {
      const n = (next.get(type) ?? 0) + 1;
      next.set(type, n);
      names.set(key, (name = `<${type}_${n}>`));
      originals.set(name, value);
    }
    return name;
  };
  const apply = (text: string, given?: readonly PersonalSpan[]): Anonymised => {
    // placeholders that a text already holds are somebody else's: their numbers are passed over
    for (const [, type, n] of text.matchAll(/<([A-Z_]+)_(\d+)>/g)) if (![...originals.keys()].includes(`<${type}_${n}>`)) next.set(type, Math.max(next.get(type) ?? 0, Number(n)));
    const spans = [...(given ?? findPersonal(text, { types }))].sort((a, b) => a.start - b.start).map((s) => ({ ...s, placeholder: placeholder(s.type, text.slice(s.start, s.end)) }));
    let out = "", at = 0;
    for (const s of spans) { if (s.start < at) continue; out += text.slice(at, s.start) + s.placeholder; at = s.end; }
    return { text: out + text.slice(at), spans };
  };
  return Object.assign(apply, { originals });
}
