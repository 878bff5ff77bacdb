/** @file Finds trained students and their teachers by name, reads them from disk and verifies them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf, MoonletError } from '../src/errors.ts';
import { type Net, type UnpackOptions, unpack } from '../src/weights/index.ts';
import { findStudent, isOnnxFile, studentFolder } from './folders.ts';
import { parseJson } from './json.ts';
import { readOnnxFile } from './onnx-file.ts';
import { sha256 } from './registry.ts';

const share = z.number().min(0).max(1);
const counted = z.int().min(0);
const card = z.strictObject({
  id: z.string(),
  architecture: z.strictObject({
    name: z.string(),
    options: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
  }),
  /** The cheap block put in place of the architecture's own. */
  block: z.string().optional(),
  data: z.string(),
  /** Examples: trained on, held out, tested on. */
  split: z.strictObject({ train: counted, validation: counted, test: counted }),
  /** The input of the net: x = (byte / 255 - mean) / std, for images of this size, [h, w, channels]. */
  preprocessing: z.strictObject({
    mean: z.number(),
    std: z.number().positive(),
    size: z.tuple([counted, counted, counted]),
  }),
  /** The id of the net that taught it; a teacher has none. */
  teacher: z.string().optional(),
  /** Names of the losses that it was trained by. */
  methods: z.array(z.string()).min(1),
  /** The hyper-parameters: a recipe as `fit` and `distill` read it. */
  recipe: z.record(z.string(), z.unknown()),
  seed: counted,
  epochs: z.number().positive(),
  /** On the test split, by the command below. */
  accuracy: share,
  n: z.int(),
  /** Wilson's interval at 95 %. */
  interval95: z.tuple([share, share]),
  teacherAccuracy: share.optional(),
  /** Mean accuracies over the seeds: with the teacher, and with labels alone at the same budget. */
  withTeacher: share.optional(),
  withoutTeacher: share.optional(),
  bySeed: z
    .array(z.strictObject({ seed: counted, withTeacher: share, withoutTeacher: share }))
    .min(1)
    .optional(),
  params: z.int(),
  macs: z.int(),
  bytes: z.int(),
  /** Remarks on the accuracy. */
  note: z.string().optional(),
  license: z.string(),
  /** The commands that made and measured it. */
  commands: z.array(z.string()),
  sha256: z.strictObject({ 'graph.json': z.string(), 'weights.safetensors': z.string() }),
});
export type Card = z.output<typeof card>;

/** @throws MoonletError when the text is no card; `path` is where it stands. */
export const parseCard = (text: string, path: string): Card => parseJson(card, text, path);

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
 * The net of a shipped student, of an .onnx file, or of a folder with graph.json and weights.safetensors; where the folder has a card with
 * their sha256, they are checked against it.
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
