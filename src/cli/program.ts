/**
 * @file The command line as a function of its arguments; tests call it, and `main` calls it with those of the process.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command, CommanderError } from 'commander';
import { MoonletError, oneLine, UsageError } from '../errors.ts';
import { packageFolder } from '../files/package-folder.ts';
import { commands } from './commands.ts';
import { note, print } from './say.ts';

const epilogue = `
ARCH is the name of an architecture with options, such as: wrn depth=40 width=2 classes=10
STUDENT is <dataset>/<id>, a folder with graph.json and weights.safetensors, or an .onnx file
"moonlet COMMAND --help" describes one command.`;

/** Run one command. The exit code: 0 done, 1 failed, 2 wrong usage. */
export async function moonlet(words: readonly string[]): Promise<number> {
  if (words[0] === '-v' || words[0] === '--version') {
    print(version());
    return 0;
  }
  const [first = '', second] = words;
  const called = first === 'help' ? second : first;
  const program = await programFor(called);
  try {
    await program.parseAsync(words, { from: 'user' });
    return 0;
  } catch (e) {
    return report(e, program, words);
  }
}

function version(): string {
  const { version: text }: { version: string } = JSON.parse(
    readFileSync(join(packageFolder(), 'package.json'), 'utf8'),
  );
  return text;
}

const completion = {
  name: 'complete',
  summary: 'print the completion script of a shell: bash, zsh, fish or powershell',
} as const;

/** All commands by name, of which the called one has its arguments and options. */
async function programFor(called: string | undefined): Promise<Command> {
  const { Command } = await import('commander');
  const program = new Command('moonlet')
    .description('Compact networks: compose, measure, make cheaper, train, distill, compress, export.')
    .option('-v, --version', 'print the version')
    .configureOutput({ writeErr: () => {} }) // `report` prints errors, in one line
    .configureHelp({
      optionDescription: ({ description, defaultValue }) =>
        defaultValue === undefined ? description : `${description} (default: ${defaultValue})`,
    })
    .showSuggestionAfterError(true)
    .exitOverride()
    .addHelpText('after', epilogue);
  const completes = called === completion.name;
  for (const { name, summary, load } of commands) {
    const command = program.command(name).summary(summary).description(sentence(summary));
    command.exitOverride().configureOutput({ writeErr: () => {} });
    if (name === called || completes) (await load())(command);
  }
  if (completes) (await import('./complete.ts')).addCompletion(program);
  else program.command(completion.name).summary(completion.summary);
  return program;
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

async function report(e: unknown, program: Command, words: readonly string[]): Promise<number> {
  const { CommanderError } = await import('commander');
  if (e instanceof CommanderError) return reportUsage(e, program, words);
  if (e instanceof MoonletError) {
    note(`moonlet: ${oneLine(e.message)}`);
    return e instanceof UsageError ? 2 : 1;
  }
  note(
    `moonlet: internal: ${oneLine(e instanceof Error ? e.message : String(e))}; please report this with the command that you ran`,
  );
  if (process.env['MOONLET_TRACE'] && e instanceof Error) note(e.stack ?? '');
  return 1;
}

/** What commander found wrong, with the help of the command that was called. */
async function reportUsage(e: CommanderError, program: Command, words: readonly string[]): Promise<number> {
  if (e.exitCode === 0) return 0; // --help
  if (e.code === 'commander.help') {
    note(`${program.helpInformation()}${epilogue}`);
    return 2;
  }
  const text = oneLine(e.message).replace(/^error: |\.$/g, '');
  const called = [...commands, completion].find(({ name }) => name === words[0]);
  const { optionHint } = await import('./option-hint.ts');
  const hint = called && e.code === 'commander.unknownOption' ? optionHint(words) : undefined;
  note(`moonlet: ${hint ?? text}; see moonlet ${called ? `${called.name} ` : ''}--help`);
  return 2;
}
