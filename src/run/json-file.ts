/**
 * @file Reads a JSON file so that errors can name line and column. jsonc-parser (MIT, no dependencies, the parser of
 * VS Code) gives the place of every value, which JSON.parse does not.
 */
import { findNodeAtLocation, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { oneLine, UsageError } from '../errors.ts';
import { readText } from '../files/index.ts';
import type { Locate } from './recipe.ts';

export interface JsonFile {
  readonly value: unknown;
  /** `:line:column` of a value or of its key, or of the nearest value around it. */
  readonly locate: Locate;
}

/** The value alone, for data whose errors name their place by keys. @throws as `readJson` does. */
export function readValue(path: string): unknown {
  const { value, fault } = parsed(readText(path));
  if (!fault) return value;
  throw new UsageError(`${path}: not JSON (${fault.what} at ${fault.place.slice(1)})`);
}

/**
 * Reads a JSON file, and finds the places of its values.
 * @throws MoonletError when it cannot be read, UsageError with line and column when it is not JSON.
 */
export function readJson(path: string): JsonFile {
  const text = readText(path);
  const { value, tree, fault } = parsed(text);
  if (fault) throw new UsageError(`${path}${fault.place}: not JSON (${fault.what})`);
  return {
    value,
    locate: (at, of = 'value') => {
      const keys = at.filter((key) => typeof key !== 'symbol');
      for (let n = keys.length; tree && n >= 0; n--) {
        const node = findNodeAtLocation(tree, keys.slice(0, n));
        if (!node) continue;
        const isKey = of === 'key' && n === keys.length && node.parent?.type === 'property';
        return placeIn(text, (isKey ? node.parent : node)?.offset ?? 0);
      }
      return '';
    },
  };
}

interface Parsed {
  readonly value?: unknown;
  readonly tree?: Node | undefined;
  readonly fault?: { readonly what: string; readonly place: string };
}

/** Places by jsonc-parser, the value by JSON.parse, which is the stricter of the two. */
function parsed(text: string): Parsed {
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { disallowComments: true });
  const [first] = errors;
  if (first) return { fault: { what: printParseErrorCode(first.error), place: placeIn(text, first.offset) } };
  try {
    return { value: JSON.parse(text), tree };
  } catch (e) {
    return { fault: { what: oneLine(e instanceof Error ? e.message : String(e)), place: ':1:1' } };
  }
}

function placeIn(text: string, offset: number): string {
  const lines = text.slice(0, offset).split('\n');
  return `:${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
}
