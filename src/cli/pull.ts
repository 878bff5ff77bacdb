/** @file `moonlet pull`: a trained net with its card, verified, from the package or from another registry. */
import type { Command } from 'commander';
import { forceHelp, numberFlag, type Range, wholeFlag } from './numbers.ts';
import { count, note, percent, print, printJson } from './say.ts';

interface Flags {
  readonly to?: string;
  readonly from?: string;
  readonly leastPace: string;
  readonly timeout?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** The most that a timer of Node can wait. */
const seconds: Range = { min: 0, above: true, max: 2_000_000 };

export const pullCommand = (command: Command): void => {
  command
    .argument('<student>', '<dataset>/<id>')
    .option(
      '--to <folder>',
      'the folder for a copy of the net (default: none; the net stays in the package or the cache)',
    )
    .option('--from <registry>', 'a folder or an http(s) URL with an index.json (default: the package)')
    .option('--least-pace <n>', 'give up on a server that sends fewer bytes per second', '1000')
    .option('--timeout <seconds>', 'the time limit of the whole command (default: no limit)')
    .option('--force', forceHelp)
    .option('--json', 'print one JSON document (default: one line of text)')
    .addHelpText(
      'after',
      '\nThe cache is the folder moonlet in the cache folder of the system; MOONLET_CACHE sets another folder.',
    )
    .action(run);
};

async function run(id: string, { json, leastPace, timeout, ...flags }: Flags): Promise<void> {
  const limits = {
    leastPace: wholeFlag('least-pace', leastPace, { max: 1e9 }),
    ...(timeout === undefined ? {} : { limitMs: 1000 * numberFlag('timeout', timeout, seconds) }),
  };
  const { pull } = await import('../../zoo/pull.ts');
  const stop = new AbortController();
  const onSignal = (): void => {
    note('stopping; the same command resumes the download');
    stop.abort();
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    const { folder, card } = await pull(id, { ...flags, ...limits, signal: stop.signal });
    if (json) return printJson({ id, folder, card });
    print(`${id}: ${percent(card.accuracy)} of ${count(card.n)} test images of ${card.data}; in ${folder}`);
  } catch (e) {
    if (!stop.signal.aborted) throw e;
    process.exitCode = 130;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}
