/** @file Finds trained students and their teachers by name, reads them from disk and verifies them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf, MoonletError } from '../src/errors.ts';
import { type Net, type UnpackOptions, unpack } from '../src/weights/index.ts';
import { type Card, parseCard } from './card.ts';
import { findStudent, isOnnxFile, studentFolder } from './folders.ts';
import { parseJson } from './json.ts';
import { sha256 } from './make-index.ts';
import { readOnnxFile } from './onnx-file.ts';

/** The card of a shipped student or of a folder. @throws MoonletError when the card is missing or damaged. */
export const readCard = (name: string): Card => {
  const path = join(studentFolder(name), 'card.json');
  return parseCard(readText(path), path);
};

export interface LoadOptions extends UnpackOptions {
  /** `false` loads the files of a folder even though its card has another sha256. */
  readonly verify?: boolean;
}

/**
 * The net of a shipped student, of an .onnx file, or of a folder with graph.json and weights.safetensors; where the folder
 * has a card with their sha256, they are checked against it.
 * @throws UsageError when it is neither, MoonletError when the files are damaged or not those of the card.
 */
export function loadStudent(name: string, { verify = true, ...limits }: LoadOptions = {}): Net {
  const { folder, shipped } = findStudent(name);
  if (isOnnxFile(folder)) return readOnnxFile(name);
  const graphJson = readText(join(folder, 'graph.json'));
  const weights = read(join(folder, 'weights.safetensors'));
  if (shipped || verify) {
    const expected = shipped ? readCard(name).sha256 : digestsOf(join(folder, 'card.json'));
    const remedy = shipped
      ? 'reinstall moonlet'
      : 'download or import it again, or remove sha256 from its card.json to skip this check';
    for (const [file, content] of [
      ['graph.json', graphJson],
      ['weights.safetensors', weights],
    ] as const)
      hold(join(folder, file), content, expected[file], remedy);
  }
  return unpack({ graphJson, weights }, folder, limits);
}

function hold(
  path: string,
  content: string | Uint8Array,
  expected: string | undefined,
  remedy: string,
): void {
  const got = expected === undefined ? undefined : sha256(content);
  if (got !== expected)
    throw new MoonletError(`${path}: sha256 is ${got}, but its card has ${expected}; ${remedy}`);
}

const digests = z.looseObject({
  'graph.json': z.string().optional(),
  'weights.safetensors': z.string().optional(),
});
/** The sha256 of the files in a folder's card; empty without a card or without digests, as on cards of imports. */
function digestsOf(path: string): z.output<typeof digests> {
  if (!existsSync(path)) return {};
  return parseJson(z.looseObject({ sha256: digests.optional() }), readText(path), path).sha256 ?? {};
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (e) {
    throw new MoonletError(`${path}: cannot be read (${codeOf(e) ?? String(e)})`);
  }
}
const readText = (path: string): string => new TextDecoder().decode(read(path));
