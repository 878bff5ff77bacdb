/** @file Code that somebody typed, as a script: TypeScript without its types, and the line on which something failed. */
import { transform } from 'sucrase';

export interface Problem {
  readonly message: string;
  /** From 1, where it is known. */
  readonly line?: number;
}

/** A module as the body of a function of `require` and `exports`, line by line. */
export const toScript = (code: string): string =>
  transform(code, { transforms: ['typescript', 'imports'], disableESTransforms: true }).code;

/** Lines that `new Function` puts before the code. */
const header = 2;

/** What is wrong, in the lines of the code. */
export function problemOf(e: unknown): Problem {
  const message = e instanceof Error ? e.message : String(e);
  const [, syntaxLine] = /\((\d+):\d+\)$/.exec(message) ?? [];
  const [, runLine] = (e instanceof Error && /<anonymous>:(\d+):\d+/.exec(e.stack ?? '')) || [];
  const line =
    syntaxLine === undefined
      ? runLine === undefined
        ? undefined
        : Number(runLine) - header
      : Number(syntaxLine);
  const said = message.replace(/^Error transforming[^:]*: /, '').replace(/ \(\d+:\d+\)$/, '');
  return { message: said, ...(line === undefined || line < 1 ? {} : { line }) };
}
