/** @file One-line descriptions of schema errors: the place, and the nearest known key. */
import type * as z from 'zod';
import { cut, quote, suggestion } from '../errors.ts';

export interface Issue {
  /** Where it is: the keys and indices that lead there. */
  readonly path: readonly PropertyKey[];
  /** Whether the last of them is wrong itself: a key that is not known. */
  readonly isKey: boolean;
  /** With the place, such as `nodes[3].op.out: ...`. */
  readonly text: string;
}

/** Makes zod's errors name the nearest key for one that is not known: `schema.safeParse(value, { error: unknownKey })`. */
export const unknownKey: z.core.$ZodErrorMap = (issue) => {
  const key = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  if (key === undefined) return undefined;
  const known = keysOf(issue.inst);
  return `Unrecognized key: ${quote(key)}.${suggestion(key, known)}${known.length ? ` Known: ${known.join(', ')}` : ''}`;
};

/** The keys that the schema of an object knows. */
function keysOf(schema: unknown): readonly string[] {
  // by its fields, since its class would load zod with every graph
  let value = schema;
  for (const field of ['_zod', 'def', 'shape']) {
    if (typeof value !== 'object' || value === null) return [];
    value = Reflect.get(value, field);
  }
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

/** The first thing that a schema found wrong; where it tried several forms, that of the form that was meant. */
export function firstIssue(error: z.ZodError): Issue {
  const [issue] = error.issues;
  return issue ? flat(issue, []) : { path: [], isKey: false, text: error.message };
}

function flat(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): Issue {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union') {
    // a form whose type of value does not fit is not the intended one
    const meant = issue.errors
      .map(([first]) => first)
      .filter((e) => e && !(e.code === 'invalid_type' && !e.path.length));
    if (meant.length === 1 && meant[0]) return flat(meant[0], path);
  }
  const key = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const place = path.map((k) => (typeof k === 'number' ? `[${k}]` : `.${String(k)}`)).join('');
  return {
    path: key === undefined ? path : [...path, key],
    isKey: key !== undefined,
    text: `${cut(place.replace(/^\./, ''), 200) || 'top level'}: ${cut(issue.message, mostOf(issue.message))}`,
  };
}

/** Room for a list of known keys, which is ours: `unknownKey` cuts the key itself. */
const mostOf = (message: string): number => (message.includes(' Known: ') ? 900 : 300);

/** The first thing that a schema found wrong, with its place: `nodes[3].op.out: ...`. */
export const issueText = (error: z.ZodError): string => firstIssue(error).text;
