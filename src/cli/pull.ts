/** @file `moonlet pull`: a trained net with its card, verified, from the package or from another registry. */
import type { Command } from 'commander';
import { cacheFolder, pull } from '../../zoo/index.ts';
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

/** Up to what a timer of Node can wait. */
const seconds: Range = { min: 0, above: true, max: 2_000_000 };

export const pullCommand = (program: Command): void => {
  program
    .command('pull')
    .description('fetch a trained student, verified by sha256')
    .argument('<student>', '<dataset>/<id>')
    .option('--to <folder>', 'where it goes; unless told it stays in the package, or in the cache')
    .option('--from <registry>', 'a folder or an http(s) address with an index.json; the package unless told')
    .option('--least-pace <n>', 'bytes a second that must come; a slower server is given up', '1000')
    .option('--timeout <seconds>', 'for all of it; no limit unless told')
    .option('--force', forceHelp)
    .option('--json', 'print one JSON document')
    .addHelpText('after', `\nThe cache is ${cacheFolder()}; MOONLET_CACHE names another.`)
    .action(async (id: string, { json, leastPace, timeout, ...o }: Flags) => {
      const limits = {
        leastPace: wholeFlag('least-pace', leastPace, { max: 1e9 }),
        ...(timeout === undefined ? {} : { limitMs: 1000 * numberFlag('timeout', timeout, seconds) }),
      };
      const stop = new AbortController();
      const onSignal = (): void => {
        note('stopping; the same command goes on from here');
        stop.abort();
      };
      process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
      try {
        const { folder, card } = await pull(id, { ...o, ...limits, signal: stop.signal });
        if (json) return printJson({ id, folder, card });
        print(
          `${id}: ${percent(card.accuracy)} of ${count(card.n)} test images of ${card.data}; in ${folder}`,
        );
      } catch (e) {
        if (!stop.signal.aborted) throw e;
        process.exitCode = 130;
      } finally {
        process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
      }
    });
};
