/** @file The option --labels: the names of a net's classes, from a file, or those of ImageNet. */
import * as z from 'zod';
import { MoonletError, UsageError } from '../errors.ts';
import { readText } from '../files/index.ts';

/**
 * The names. @throws UsageError when the file is not there, MoonletError when it holds no list of texts, or another number
 * than `classes`.
 */
export async function labelsFrom(option: string, classes: number): Promise<readonly string[]> {
  const labels = option === 'imagenet' ? await imagenet() : listIn(textOf(option), option);
  if (labels.length === classes) return labels;
  throw new MoonletError(
    `--labels ${option}: ${labels.length} labels, and the net has ${classes} classes; give one label a class`,
  );
}

const imagenet = async (): Promise<readonly string[]> =>
  (await import('../import/imagenet-labels.ts')).imagenetLabels;

function textOf(path: string): string {
  try {
    return readText(path);
  } catch {
    throw new UsageError(`--labels ${path}: no such file; give a file, or imagenet`);
  }
}

function listIn(text: string, path: string): readonly string[] {
  if (!/^\s*\[/.test(text))
    return text
      .trim()
      .split(/\r?\n/)
      .map((line) => line.trim());
  try {
    return z.array(z.string()).parse(JSON.parse(text));
  } catch {
    throw new MoonletError(
      `--labels ${path}: no JSON list of texts; give ["cat", "dog", ...], or one name a line`,
    );
  }
}
