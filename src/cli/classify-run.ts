/** @file What `moonlet classify` runs: pictures in, labels with probabilities out. */
import { statSync } from 'node:fs';
import { picturesBelow } from '../data/index.ts';
import type { EngineOptions } from '../engine/index.ts';
import { MoonletError } from '../errors.ts';
import { type Classifier, classifier, type Guess } from '../run/classifier.ts';
import { note, percent, print, printJson } from './say.ts';

interface Wanted {
  readonly top: number;
  readonly engine: EngineOptions;
  /** Whether damaged pictures are left out. */
  readonly skip: boolean;
  readonly json: boolean;
}
interface Said {
  readonly picture: string;
  readonly guesses: readonly Guess[];
}

/** The files; in place of a folder the pictures in it and in folders below. @throws MoonletError for a folder without any. */
const filesOf = (paths: readonly string[]): readonly string[] =>
  paths.flatMap((path) => {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
    const files = picturesBelow(path);
    if (files.length) return files;
    throw new MoonletError(`${path}: no pictures; give a folder with PNG, JPEG or WebP files`);
  });

/** Classifies files in order. @throws MoonletError for a damaged file, unless those are skipped, and when no file is left. */
export async function classifyPictures(
  name: string,
  paths: readonly string[],
  wanted: Wanted,
): Promise<void> {
  const files = filesOf(paths);
  const net = await classifier(name, wanted.engine);
  try {
    if (net.note) note(net.note);
    const said: Said[] = [];
    for (const picture of files) {
      const guesses = await guessesOf(net, picture, wanted);
      if (!guesses) continue;
      said.push({ picture, guesses });
      if (!wanted.json) print(lines(picture, guesses));
    }
    if (!said.length) throw new MoonletError(`${name}: none of the ${files.length} pictures can be read`);
    if (wanted.json) printJson({ id: name, pictures: said });
  } finally {
    await net.release();
  }
}

async function guessesOf(
  net: Classifier,
  path: string,
  { top, skip }: Wanted,
): Promise<readonly Guess[] | undefined> {
  try {
    return (await net.classify(path, top)).guesses;
  } catch (e) {
    if (!skip || !(e instanceof MoonletError)) throw e;
    note(`skipped: ${e.message}`);
    return undefined;
  }
}

/** The picture, and below it each class with its probability. */
function lines(picture: string, guesses: readonly Guess[]): string {
  const rows = guesses.map(({ label, probability }) => `${percent(probability).padStart(10)}  ${label}`);
  return [picture, ...rows].join('\n');
}
