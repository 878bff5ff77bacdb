/** @file Resolves the arguments ARCH and STUDENT of the command line. */
import { architectures, compose, isLibraryName } from '../../zoo/architectures/index.ts';
import { findStudent, holdsNet, studentNames } from '../../zoo/folders.ts';
import { UsageError } from '../errors.ts';
import type { Graph } from '../graph/index.ts';

/** Whether a name stands for a trained net: a path, a shipped student, or a folder that holds a net. */
export const isStudent = (name: string): boolean =>
  !architectures.has(name) &&
  !isLibraryName(name) &&
  (/[/.\\]/.test(name) || studentNames().includes(name) || holdsNet(name));

/** @throws UsageError for words that stand for no architecture, and for a trained net that is not there. */
export function checkNetWords(words: string): void {
  const [name = ''] = words.trim().split(/\s+/);
  if (studentNames().includes(words) || (isStudent(words) && holdsNet(words))) return;
  if (isStudent(name)) findStudent(words);
  else compose(words);
}

/**
 * The graph of an architecture by its words, or of a student.
 * @throws UsageError for an unknown name, and for options of a student; MoonletError for damaged files.
 */
export async function graphOf(words: readonly string[]): Promise<Graph> {
  const [name = '', ...options] = words;
  if (/\s/.test(name) || !isStudent(name)) return compose(words);
  if (options.length)
    throw new UsageError(
      `${name} is a trained net with fixed options; remove "${options.join(' ')}", or give an architecture`,
    );
  findStudent(name);
  const { loadStudent } = await import('../../zoo/students.ts');
  return loadStudent(name).graph;
}
