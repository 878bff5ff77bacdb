/**
 * @file Code in pages: every block marked `ts` is a whole program; a `text` block that comes next is its output, in which a line `...`
 * stands for any lines. Blocks marked otherwise (`ts fragment`) are not run.
 */
import { readdirSync } from 'node:fs';

export interface Example {
  /** Of its first line in the page. */
  readonly line: number;
  readonly code: string;
  readonly output: string | undefined;
}

/** The pages whose code is run: the README and the guides. */
export const pages: readonly string[] = [
  'README.md',
  ...readdirSync('docs/guides').map((name) => `docs/guides/${name}`),
];

/** The fenced blocks in order; the language is the whole of the fence's info string. */
export function examplesOf(markdown: string): readonly Example[] {
  const fences = [...markdown.matchAll(/^```([^\n]*)\n([\s\S]*?)^```\s*$/gm)].map((found) => {
    const [, language = '', body = ''] = found;
    return { language: language.trim(), body, line: markdown.slice(0, found.index).split('\n').length + 1 };
  });
  return fences.flatMap(({ language, body, line }, i) => {
    const next = fences[i + 1];
    return language === 'ts'
      ? [{ line, code: body, output: next?.language === 'text' ? next.body : undefined }]
      : [];
  });
}

const trimmed = (text: string): string => text.replace(/[ \t]+$/gm, '').trim();

/** Whether lines are the expected ones, with `...` for any lines. */
export function agrees(actual: string, expected: string): boolean {
  const quoted = trimmed(expected)
    .split('\n')
    .map((line) =>
      line.trim() === '...' ? '(?:.*\\n?)*?' : `${line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\n`,
    );
  return new RegExp(`^${quoted.join('')}$`).test(`${trimmed(actual)}\n`);
}

/** Code of an `@example` in a source file. */
export interface DocExample {
  readonly line: number;
  /** What it stands before: `function widen`. */
  readonly of: string;
  readonly code: string;
  /** What its `console.log` lines, and lines that are a value, say behind `//`, in order. */
  readonly said: readonly string[];
}

/** A line of its own that is a value, with what it is: `cost(net).params; // 126`. */
const value = /^(?!console\.|const |let |import |export |for |if |\/\/|[}\])])(\S.*);\s*\/\/ (.*)$/;

/** What lines of `console.log`, and lines that are a value, say behind `//`. */
export const saidOf = (lines: readonly string[]): readonly string[] =>
  lines
    .map((text) => text.replace(value, 'console.log($1); // $2'))
    .flatMap((text) => text.match(/^\s*console\.log\(.*\);\s*\/\/ (.*)$/)?.[1] ?? []);

/** Without quotes, spaces and the lengths of arrays, which Node prints in its own way. */
export const plain = (text: string): string => text.replace(/['"`\s]|(?<=Array)\(\d+\)/g, '');

/** The `@example` blocks of a source file: up to the next tag or the end of the comment. */
export function docExamplesOf(source: string): readonly DocExample[] {
  return [...source.matchAll(/\/\*\*(?:(?!\*\/)[\s\S])*?\*\//g)].flatMap(({ 0: comment, index }) => {
    const lines = comment.split('\n').map((text) => text.replace(/^\s*\*\/?( |$)|\s*\*\/$/g, ''));
    const from = lines.findIndex((text) => text.startsWith('@example'));
    if (from < 0) return [];
    const after = lines.slice(from + 1);
    const to = after.findIndex((text) => /^@\w/.test(text));
    const code = after
      .slice(0, to < 0 ? undefined : to)
      .filter((text) => !text.startsWith('```'))
      .map((text) => text.replace(value, 'console.log($1); // $2'));
    const said = saidOf(code);
    const [of = ''] = source.slice(index + comment.length).match(/[^({=;]+/) ?? [];
    const line = source.slice(0, index).split('\n').length + from + 1;
    return [{ line, of: of.trim().replace(/^export (async )?/, ''), code: code.join('\n'), said }];
  });
}
