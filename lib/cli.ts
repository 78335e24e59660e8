#!/usr/bin/env node
/** tunelab: the library's work without a notebook. Exit codes: 0 done, 1 error, 2 wrong use, 130 stopped by the user. */
import { helpText, parse, UsageError, type Command } from "./cli/arguments";
import { align } from "./cli/align";
import { compare } from "./cli/compare";
import { evaluate } from "./cli/evaluate";
import { finetune } from "./cli/finetune";
import { generate } from "./cli/generate";
import { info } from "./cli/info";
import { probe } from "./cli/probe";
import { classCommand, progress } from "./cli/progress";
import { recipe } from "./cli/recipe";
import { sweep } from "./cli/sweep";
import { StoppedError } from "./course";
import { TunelabError } from "./errors";

const COMMANDS: Record<string, Command> = { finetune, compare, align, generate, evaluate, probe, info, recipe, sweep, progress, class: classCommand };

const usage = () => `tunelab: fine-tune Hugging Face language models from TypeScript\n\nCommands:\n${Object.entries(COMMANDS).map(([name, c]) => `  ${name.padEnd(10)} ${c.summary}`).join("\n")}\n\n\`tunelab COMMAND --help\` lists a command's options.\n`;

async function main([name, ...argv]: string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(usage());
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    process.stdout.write(`${require("../package.json").version}\n`);
    return 0;
  }
  let command = COMMANDS[name];
  if (!command) {
    process.stderr.write(`tunelab: there is no command "${name}".\n\n${usage()}`);
    return 2;
  }
  if (command.kinds && argv[0] !== undefined && !argv[0].startsWith("-")) {
    const kind = argv.shift()!;
    if (!Object.hasOwn(command.kinds, kind)) throw new UsageError(`${name} ${kind}: there is no such kind; choose from ${Object.keys(command.kinds).join(", ")}.`);
    command = command.kinds[kind];
    name += ` ${kind}`;
  }
  if (argv.includes("--help") || argv.includes("-h")) {
    process.stdout.write(helpText(name, command));
    return 0;
  }
  const args = parse(command, argv);
  // With --json standard output holds the result alone.
  if (args.has("json")) console.log = console.info = console.error;
  return command.run(args);
}

main(process.argv.slice(2)).then(
  (code) => { process.exitCode = code; },
  (error) => {
    const expected = error instanceof TunelabError || error instanceof StoppedError;
    process.stderr.write(`tunelab: ${expected ? error.message : error?.stack ?? error}\n`);
    process.exitCode = error instanceof UsageError ? 2 : error instanceof StoppedError ? 130 : 1;
  },
);
