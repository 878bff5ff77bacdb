/** @file `moonlet pull`: a trained net with its card, verified: from the package, another registry or the Hugging Face hub. */
import type { Command } from 'commander';
import type { DownloadOptions } from '../../zoo/http.ts';
import { cut, UsageError } from '../errors.ts';
import { isHubName } from '../hub/repository.ts';
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
    .argument(
      '<net>',
      '<dataset>/<id> for a student; timm/NAME[@revision] or hf:owner/name[@revision] for a net of the Hugging Face hub',
    )
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
      `
The cache is the folder moonlet in the cache folder of the system; MOONLET_CACHE sets another folder.
Files of the hub are kept in the hub's own cache, which HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE configure.
"moonlet list --pretrained" lists nets of the hub.`,
    )
    .action(run);
};

async function run(id: string, { json, leastPace, timeout, ...flags }: Flags): Promise<void> {
  const limits = {
    leastPace: wholeFlag('least-pace', leastPace, { max: 1e9 }),
    ...(timeout === undefined ? {} : { limitMs: 1000 * numberFlag('timeout', timeout, seconds) }),
  };
  const stop = new AbortController();
  const onSignal = (): void => {
    note('stopping; the same command resumes the download');
    stop.abort();
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    const options = { ...flags, ...limits, signal: stop.signal };
    await (isHubName(id) ? fromHub(id, options, json) : fromRegistry(id, options, json));
  } catch (e) {
    if (!stop.signal.aborted) throw e;
    process.exitCode = 130;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

type Options = Omit<Flags, 'json' | 'leastPace' | 'timeout'> & DownloadOptions;

async function fromRegistry(id: string, options: Options, json = false): Promise<void> {
  const { pull } = await import('../../zoo/pull.ts');
  const { folder, card } = await pull(id, options);
  if (json) printJson({ id, folder, card });
  else
    print(`${id}: ${percent(card.accuracy)} of ${count(card.n)} test images of ${card.data}; in ${folder}`);
}

async function fromHub(name: string, { from, ...options }: Options, json = false): Promise<void> {
  if (from !== undefined)
    throw new UsageError(`--from is of students; for ${name} set HF_ENDPOINT to the address of a hub`);
  const { pullFromHub } = await import('../hub/pull.ts');
  const { id, revision, commit, folder, card } = await pullFromHub(name, {
    ...options,
    ...(await progress(name)),
  });
  if (json) return printJson({ id, revision, commit, folder, card });
  print(
    `${id} at ${commit.slice(0, 12)}: ${card.architecture}, ${count(card.params)} parameters, licence ${cut(card.license)}; in ${folder}`,
  );
}

/** A bar on a terminal for files of a megabyte and more, in kilobytes. */
async function progress(name: string): Promise<{ onProgress?: (done: number, total: number) => void }> {
  if (!process.stderr.isTTY) return {};
  const { workBar } = await import('./bars.ts');
  const bar = workBar(`${name}, kB`);
  const inKilobytes = (bytes: number): number => Math.ceil(bytes / 1000);
  return { onProgress: (done, total) => void (total >= 1e6 && bar(inKilobytes(done), inKilobytes(total))) };
}
