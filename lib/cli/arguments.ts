/** Command-line arguments: declared once, parsed by node:util, listed by --help. */
import { parseArgs } from "node:util";
import { TunelabError } from "../errors";

export interface Flag {
  help: string;
  /** What the value is, for --help ("DIR"); none = a switch without value. */
  value?: string;
  default?: string;
  required?: boolean;
  short?: string;
}
export interface Command {
  summary: string;
  flags: Readonly<Record<string, Flag>>;
  examples: readonly string[];
  /** Commands of its own, named by the next word. */
  kinds?: Readonly<Record<string, Command>>;
  run(args: Arguments): Promise<number>;
}

/** The command line itself is wrong: exit code 2. */
export class UsageError extends TunelabError {}

/** Parsed values with checks that name the flag. */
export class Arguments {
  constructor(private values: Record<string, string | boolean | undefined>) {}
  has(name: string): boolean { return this.values[name] !== undefined && this.values[name] !== false; }
  text(name: string): string | undefined { return this.values[name] as string | undefined; }
  need(name: string): string {
    const value = this.text(name);
    if (!value) throw new UsageError(`--${name} is needed; see --help.`);
    return value;
  }
  number(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (value.trim() === "" || !Number.isFinite(Number(value))) throw new UsageError(`--${name} ${value}: is not a number.`);
    return Number(value);
  }
  /** A whole number of at least `least`; for flags that are needed or have a default. */
  whole(name: string, least = 1): number {
    const value = this.number(name)!;
    if (!(Number.isInteger(value) && value >= least)) throw new UsageError(`--${name} ${value}: a whole number of at least ${least} is needed.`);
    return value;
  }
  list(name: string): string[] | undefined { return this.text(name)?.split(",").map((s) => s.trim()).filter(Boolean); }
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value !== undefined && !choices.includes(value as T)) throw new UsageError(`--${name} ${value}: choose from ${choices.join(", ")}.`);
    return value as T | undefined;
  }
}

const COMMON: Record<string, Flag> = {
  json: { help: "print the result as JSON on standard output (progress goes to standard error)" },
  help: { help: "show this help", short: "h" },
};

export function parse(command: Command, argv: readonly string[]): Arguments {
  const flags = { ...command.flags, ...COMMON };
  const options = Object.fromEntries(Object.entries(flags).map(([name, f]) => [name, { type: f.value ? "string" : "boolean", ...(f.short ? { short: f.short } : {}), ...(f.default === undefined ? {} : { default: f.default }) } as const]));
  try {
    const { values } = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }), args = new Arguments(values as Record<string, string | boolean | undefined>);
    for (const [name, flag] of Object.entries(flags)) if (flag.required) args.need(name);
    return args;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${(error as Error).message.split(/\.\s/)[0]}. See --help for the options.`);
  }
}

export function helpText(name: string, command: Command): string {
  if (command.kinds) {
    const list = Object.entries(command.kinds).map(([kind, c]) => `  ${kind.padEnd(10)} ${c.summary}`).join("\n");
    return `tunelab ${name} KIND: ${command.summary}\n\nKinds:\n${list}\n\nOptions: \`tunelab ${name} KIND --help\`; --json with each.\n\nExamples:\n${command.examples.map((e) => `  ${e}`).join("\n")}\n`;
  }
  const rows = Object.entries({ ...command.flags, ...COMMON }).map(([flag, f]) => [
    `  --${flag}${f.value ? ` ${f.value}` : ""}`,
    `${f.help}${f.required ? " (needed)" : ""}${f.default === undefined ? "" : ` (default ${f.default})`}`,
  ]);
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return `tunelab ${name}: ${command.summary}\n\nOptions:\n${rows.map(([l, r]) => l.padEnd(width) + r).join("\n")}\n\nExamples:\n${command.examples.map((e) => `  ${e}`).join("\n")}\n`;
}
