/** @file What the rows of `npm run docs -- bench-rows` have in common: their figures, and child processes that answer with JSON. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from '../../../src/bench/numbers.ts';

/** One line of a table: our values round by round, and those of a peer of the same rounds. */
export interface Figure {
  readonly what: string;
  readonly unit: 'ms' | 's' | 'MiB';
  readonly ours: readonly number[];
  /** Who else was measured in the same rounds; without it the line has no ratio. */
  readonly peer?: { readonly name: string; readonly values: readonly number[] };
  /** The goal for the ratio, or for our value where there is no peer. */
  readonly goal?: number;
  readonly note?: string;
}

export interface Plan {
  readonly rounds: number;
  /** Few steps and small sizes, to see that everything works. */
  readonly quick: boolean;
  readonly say: (text: string) => void;
}

export interface RowKind {
  readonly title: string;
  /** What is compared, and how, for the reader of the page. */
  readonly about: string;
  readonly measure: (plan: Plan) => Promise<readonly Figure[]>;
  /** Paragraphs after the table that follow from its figures. */
  readonly more?: (figures: readonly Figure[]) => readonly string[];
}

/** The median over the rounds of ours divided by the peer's. */
export const ratioOf = ({ ours, peer }: Figure): number | undefined =>
  peer && median(ours.map((value, i) => value / (peer.values[i] ?? Number.NaN)));

const here = dirname(fileURLToPath(import.meta.url));
/** A Node program of this folder, as arguments of `node`. */
export const program = (name: string, ...words: readonly string[]): readonly string[] => [
  '--expose-gc',
  '--import',
  'tsx',
  join(here, `${name}.ts`),
  ...words,
];
/** A Python program of this folder. */
export const peerFile = (name: string): string => join(here, `${name}.py`);

/** What a child says in its last line that begins with `@`, as JSON. @throws Error when it fails. */
export async function answerOf<T>(command: string, words: readonly string[], env = {}): Promise<T> {
  const child = spawn(command, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const stop = (): void => void child.kill('SIGKILL');
  process.once('exit', stop);
  let [said, errors] = ['', ''];
  child.stdout.on('data', (text: Buffer) => {
    said += text.toString();
  });
  child.stderr.on('data', (text: Buffer) => {
    errors = (errors + text.toString()).slice(-10_000);
  });
  const [code] = await once(child, 'close');
  process.off('exit', stop);
  const line = said.split('\n').findLast((text) => text.startsWith('@'));
  if (code !== 0 || line === undefined)
    throw new Error(`${words.at(-1)}: ${lastLine(errors) ?? `ended with ${code}`}`);
  return JSON.parse(line.slice(1));
}
export const answer = (value: unknown): void => void process.stdout.write(`@${JSON.stringify(value)}\n`);

/** Of what a program said before it failed, the line that tells the most. */
function lastLine(text: string): string | undefined {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line)) ?? lines.findLast(Boolean);
}
