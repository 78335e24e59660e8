/**
 * Porter's stemmer (Porter 1980, "An algorithm for suffix stripping") with the departures that NLTK makes by default, because rouge-score
 * stems with NLTK: a few irregular forms, -ies and -ied of four letters, y after a consonant, -alli, -bli, -fulli, -logi.
 */
type Rule = readonly [suffix: string, replacement: string];

const VOWELS = "aeiou";
const IRREGULAR = new Map([
  ["skies", "sky"], ["sky", "sky"], ["dying", "die"], ["lying", "lie"], ["tying", "tie"], ["news", "news"], ["innings", "inning"], ["inning", "inning"],
  ["outings", "outing"], ["outing", "outing"], ["cannings", "canning"], ["canning", "canning"], ["howe", "howe"], ["proceed", "proceed"], ["exceed", "exceed"], ["succeed", "succeed"],
]);

/** c and v for each letter; y is a vowel after a consonant. */
function kinds(word: string): string {
  let out = "";
  for (const letter of word) out += VOWELS.includes(letter) || (letter === "y" && out.endsWith("c")) ? "v" : "c";
  return out;
}
/** Porter's m: how often a vowel is followed by a consonant. */
const measure = (stem: string): number => kinds(stem).split("vc").length - 1;
/** Porter's *o: ends consonant-vowel-consonant, the last not w, x, y; for NLTK also a word of vowel and consonant. */
const endsCvc = (word: string): boolean => (/cvc$/.test(kinds(word)) && !/[wxy]$/.test(word)) || kinds(word) === "vc";
const endsDouble = (word: string): boolean => word.length > 1 && word.at(-1) === word.at(-2) && kinds(word).endsWith("c");

/** The first rule whose suffix fits decides: its suffix is replaced if the rest meets the condition, else nothing happens. */
function first(word: string, rules: readonly Rule[], condition: (stem: string, suffix: string) => boolean = () => true): string {
  const rule = rules.find(([suffix]) => word.endsWith(suffix));
  if (!rule) return word;
  const stem = word.slice(0, word.length - rule[0].length);
  return condition(stem, rule[0]) ? stem + rule[1] : word;
}

const STEP_1A: Rule[] = [["sses", "ss"], ["ies", "i"], ["ss", "ss"], ["s", ""]];
const STEP_2: Rule[] = [
  ["ational", "ate"], ["tional", "tion"], ["enci", "ence"], ["anci", "ance"], ["izer", "ize"], ["bli", "ble"], ["alli", "al"], ["entli", "ent"], ["eli", "e"], ["ousli", "ous"],
  ["ization", "ize"], ["ation", "ate"], ["ator", "ate"], ["alism", "al"], ["iveness", "ive"], ["fulness", "ful"], ["ousness", "ous"], ["aliti", "al"], ["iviti", "ive"], ["biliti", "ble"],
  ["fulli", "ful"], ["logi", "log"],
];
const STEP_3: Rule[] = [["icate", "ic"], ["ative", ""], ["alize", "al"], ["iciti", "ic"], ["ical", "ic"], ["ful", ""], ["ness", ""]];
const STEP_4 = ["al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"].map((suffix): Rule => [suffix, ""]);

function step1b(word: string): string {
  if (word.endsWith("ied")) return word.slice(0, word.length === 4 ? -1 : -2);
  if (word.endsWith("eed")) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const stem = word.replace(/(ed|ing)$/, "");
  if (stem === word || !kinds(stem).includes("v")) return word;
  if (/(at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (endsDouble(stem)) return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1);
  return measure(stem) === 1 && endsCvc(stem) ? `${stem}e` : stem;
}

function step2(word: string): string {
  if (word.endsWith("alli") && measure(word.slice(0, -4)) > 0) return step2(word.slice(0, -2));
  return first(word, STEP_2, (stem, suffix) => measure(suffix === "logi" ? `${stem}l` : stem) > 0);
}

function step5(word: string): string {
  const stem = word.slice(0, -1), m = measure(stem);
  const shorter = word.endsWith("e") && (m > 1 || (m === 1 && !endsCvc(stem))) ? stem : word;
  return shorter.endsWith("ll") && measure(shorter.slice(0, -1)) > 1 ? shorter.slice(0, -1) : shorter;
}

/** The stem of a lower-case English word. */
export function porterStem(word: string): string {
  if (word.length <= 2) return word;
  const irregular = IRREGULAR.get(word);
  if (irregular) return irregular;
  let w = word.length === 4 && word.endsWith("ies") ? word.slice(0, -1) : first(word, STEP_1A);
  w = step1b(w);
  if (w.endsWith("y") && w.length > 2 && kinds(w.slice(0, -1)).endsWith("c")) w = `${w.slice(0, -1)}i`;
  w = first(step2(w), STEP_3, (stem) => measure(stem) > 0);
  w = first(w, STEP_4, (stem, suffix) => measure(stem) > 1 && (suffix !== "ion" || /[st]$/.test(stem)));
  return step5(w);
}
