/** @file The hint for `--width 0.35` if the architecture has an option `width=0.35`. */
import { architectures } from '../../zoo/architectures/index.ts';

/** What to say of the first flag that is an option of the architecture among the words; undefined when none is. */
export function optionHint(words: readonly string[]): string | undefined {
  const name = words.flatMap((word) => word.split(/\s+/)).find((word) => architectures.has(word));
  const arch = name === undefined ? undefined : architectures.get(name);
  if (!arch) return undefined;
  for (const [i, word] of words.entries()) {
    const [, key = '', value] = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/.exec(word) ?? [];
    const option = Object.keys(arch.options).find((known) => plain(known) === plain(key));
    if (option === undefined) continue;
    const next = words[i + 1];
    const given = value ?? (next === undefined || next.startsWith('--') ? '...' : next);
    return `unknown option '--${key}'; ${name} takes it as ${option}=${given}`;
  }
  return undefined;
}

/** `drop-path` is `dropPath`. */
const plain = (name: string): string => name.replaceAll('-', '').toLowerCase();
