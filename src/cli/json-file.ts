/**
 * @file A JSON file read so that a mistake in it can be said with its line. jsonc-parser (MIT, no dependencies, the parser
 * of VS Code) gives the place of every value, which JSON.parse does not.
 */
import { findNodeAtLocation, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { UsageError } from '../errors.ts';
import type { Locate } from '../learn/index.ts';
import { readText } from './files.ts';

export interface JsonFile {
  readonly value: unknown;
  /** `:line:column` of a value or of its key, or of the nearest value around it. */
  readonly locate: Locate;
}

/** @throws MoonletError when it cannot be read, UsageError with line and column when it is not JSON. */
export function readJson(path: string): JsonFile {
  const text = readText(path);
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { disallowComments: true });
  const [first] = errors;
  if (first || !tree) {
    const what = first ? printParseErrorCode(first.error) : 'it is empty';
    throw new UsageError(`${path}${placeIn(text, first?.offset ?? 0)}: not JSON (${what})`);
  }
  return {
    value: JSON.parse(text),
    locate: (at, of = 'value') => {
      const keys = at.filter((key) => typeof key !== 'symbol');
      for (let n = keys.length; n >= 0; n--) {
        const node = findNodeAtLocation(tree, keys.slice(0, n));
        if (node)
          return placeIn(
            text,
            of === 'key' && node.parent?.type === 'property' && n === keys.length
              ? node.parent.offset
              : node.offset,
          );
      }
      return '';
    },
  };
}

function placeIn(text: string, offset: number): string {
  const lines = text.slice(0, offset).split('\n');
  return `:${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
}
