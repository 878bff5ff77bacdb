/** @file Checks the words that choose what a program does, so that a misspelt one is an error and not an empty run. */
import { suggestion, UsageError } from '../../src/errors.ts';

/** @throws UsageError for a word that is none of the names, with the names that there are. */
export function checkWords(words: readonly string[], names: readonly string[], what: string): void {
  const unknown = words.find((word) => !names.includes(word));
  if (unknown !== undefined) throw unknownWord(unknown, names, what);
}

/** The items whose name has the word. @throws UsageError when there is none, with the names that there are. */
export function withWord<T>(items: readonly T[], nameOf: (item: T) => string, word: string, what: string) {
  const chosen = items.filter((item) => nameOf(item).includes(word));
  if (chosen.length) return chosen;
  throw unknownWord(word, items.map(nameOf), what);
}

const unknownWord = (word: string, names: readonly string[], what: string): UsageError =>
  new UsageError(`no ${what} "${word}".${suggestion(word, names)} There are: ${names.join('; ')}`);
