/**
 * @file A registry of nets: a folder, or any static HTTP server, with an `index.json` that says of each net which files
 * it has, how large they are and what their sha256 is. The files of `<dataset>/<id>` lie at `<dataset>/<id>/<file>`.
 */
import * as z from 'zod';
import { MoonletError, oneLine, suggestion, UsageError } from '../src/errors.ts';
import { parseJson } from './json.ts';

export const fileNames = ['card.json', 'graph.json', 'weights.safetensors'] as const;
export type FileName = (typeof fileNames)[number];

/** Both halves begin with a letter or digit, so that no id leads out of its folder. */
export const idPattern = /^[a-z0-9][a-z0-9._-]{0,63}\/[a-z0-9][a-z0-9._-]{0,63}$/;
const entry = z.strictObject({
  name: z.enum(fileNames),
  bytes: z.int().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits'),
});
const index = z.strictObject({
  format: z.literal('moonlet-registry'),
  version: z.literal(1),
  nets: z.array(
    z.strictObject({
      id: z.string().regex(idPattern, 'an id of the form <dataset>/<id>'),
      files: z.array(entry).length(fileNames.length),
    }),
  ),
});
export type RegistryFile = z.output<typeof entry>;
export type RegistryNet = z.output<typeof index>['nets'][number];
export type RegistryIndex = z.output<typeof index>;

/** Checks the id of a net. @throws UsageError for anything but `<dataset>/<id>`, such as paths that lead out of a folder. */
export function checkId(id: string): string {
  if (idPattern.test(id)) return id;
  throw new UsageError(
    `"${oneLine(id)}" is not the id of a net; expected <dataset>/<id> of lowercase letters, digits, dots, dashes and underscores`,
  );
}

/** An index from its text. @throws MoonletError that says where the text differs from the format. */
export function parseIndex(text: string, where: string): RegistryIndex {
  const found = parseJson(index, text, where);
  for (const { id, files } of found.nets) {
    const missing = fileNames.find((name) => !files.some((f) => f.name === name));
    if (missing) throw new MoonletError(`${where}: ${id} has no ${missing}`);
  }
  return found;
}

/** The net of this id in an index. @throws UsageError with the nearest id. */
export function netNamed({ nets }: RegistryIndex, id: string, where: string): RegistryNet {
  const found = nets.find((net) => net.id === id);
  if (found) return found;
  const ids = nets.map((net) => net.id);
  throw new UsageError(`${where}: no net "${id}".${suggestion(id, ids)} There: ${ids.join(', ') || 'none'}`);
}
