/** @file Reads JSON of the zoo and checks it against a schema. */
import type * as z from 'zod';
import { cut, MoonletError, messageOf } from '../src/errors.ts';
import { issueText, unknownKey } from '../src/graph/index.ts';

/** The value in a text. @throws MoonletError that begins with `where` and says how the text differs from the schema. */
export function parseJson<S extends z.ZodType>(schema: S, text: string, where: string): z.output<S> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (e) {
    throw new MoonletError(`${where}: not JSON (${cut(messageOf(e), 200)})`);
  }
  const parsed = schema.safeParse(json, { error: unknownKey });
  if (parsed.success) return parsed.data;
  throw new MoonletError(`${where}: ${issueText(parsed.error)}`);
}
