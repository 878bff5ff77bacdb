/** @file The errors that are meant for users. Anything else that is thrown is a bug. */

/** One line: what, where, what was got, and the remedy. The command line prints it alone and exits with 1. */
export class MoonletError extends Error {
  override name = 'MoonletError';
}

/** The call itself is wrong: an unknown name, an option out of range. The command line exits with 2. */
export class UsageError extends MoonletError {
  override name = 'UsageError';
}

/** An edit that cannot be done as asked, with the reason. */
export class Refusal extends MoonletError {
  override name = 'Refusal';
}

/** The message of whatever was thrown. */
export const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e));

/** The code of an error of Node or of the system, such as ENOENT. */
export const codeOf = (e: unknown): string | undefined =>
  e instanceof Error && 'code' in e && typeof e.code === 'string' ? e.code : undefined;

/** A text as one line, for messages that quote other programs. */
export const oneLine = (text: string): string => text.replace(/\s*[\r\n]+\s*/g, ' ').trim();

/** A text of a file, at most so many characters of it, without those that control a terminal. */
export function cut(text: string, most = 80): string {
  const printable = text.slice(0, most).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
  return `${printable}${text.length > most ? '...' : ''}`;
}
/** A name from a file, in quotes and cut. */
export const quote = (text: string): string => `"${cut(text)}"`;

/** What `read` returns; the messages of its errors begin with the name of the file. */
export function within<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (e) {
    throw e instanceof MoonletError ? new MoonletError(`${file}: ${e.message}`, { cause: e }) : e;
  }
}

/** The nearest of `names` to what was typed, as ` Did you mean "wrn"?`; empty when none is near. */
export function suggestion(typed: string, names: readonly string[]): string {
  const ranked = names
    .map((name) => ({ name, distance: editDistance(typed.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.max(2, Math.floor(typed.length / 2))
    ? ` Did you mean "${best.name}"?`
    : '';
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? a.length;
}
