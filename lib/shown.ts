/** A value that a file holds, as an error message shows it. */

/** JSON of at most `most` characters; a value that is too deep, or none of JSON's, is named instead. */
export function shown(value: unknown, most = 120): string {
  let text: string | undefined;
  try { text = JSON.stringify(value); }
  catch { text = typeof value === "bigint" ? `${value}` : `${Array.isArray(value) ? "a list" : "an object"} that is nested too deep`; }
  text ??= String(value);
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
