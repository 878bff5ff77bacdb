/** @file A worker whose trial is under way is killed; another goes on from the checkpoint in S3, to the numbers of an unbroken run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  coster,
  ledger,
  openPostgres,
  parseSpace,
  planner,
  runTrial,
  folderStore,
} from '../../src/sweep/index.ts';
import { checkpointKey } from '../../src/sweep/store.ts';
import { tinyData, tinySpace } from '../../test/support/sweeping.ts';
import type { Postgres } from './postgres.ts';
import { startS3 } from './s3-server.ts';
import { start } from './sweep-processes.ts';

export interface S3Outcome {
  /** To the store, in all. */
  readonly requests: number;
  readonly worker: readonly [killed: string, other: string];
}

/** @throws Error when the trial did not go on, or ended with other numbers. */
export async function sweepOnS3(
  main: string,
  folder: string,
  server: Postgres,
  say: (text: string) => void,
): Promise<S3Outcome> {
  const s3 = await startS3(say);
  const data = tinyData(join(folder, 's3-data'), 512);
  const value = {
    ...tinySpace(data, { name: 's3', trials: 1, parallel: 1, checkpointEvery: 10 }),
    recipe: {
      ...{ data, student: 'wrn depth=10 size=8 channels=1 classes=4', optimizer: 'adam' },
      ...{ steps: 400, batch: 32, validation: 32 },
    },
    space: { seed: { choice: [3] } },
  };
  const file = join(folder, 's3.json');
  writeFileSync(file, JSON.stringify(value));
  const space = parseSpace(value);
  const job = planner(space, coster({ name: 'tiny', shape: [8, 8, 1], classes: 4 })).next();
  if (typeof job === 'string') throw new Error(`no job: ${job}`);
  const wanted = await runTrial({ base: space, ...job }, folderStore(join(folder, 's3-unbroken')));
  const shared = ['--queue', server.url, '--lease', '4'];
  const work = (name: string) => start(main, ['worker', '--slots', '1', '--name', name, ...shared], s3.env);
  const controller = start(main, ['sweep', file, '--store', 's3://sweeps/one', ...shared], s3.env);
  const first = work('first');
  const path = `/sweeps/one/${checkpointKey(0, 'training', 'last')}`;
  const saved = (): number => s3.asked.filter((line) => line === `PUT ${path} 200`).length;
  for (const began = Date.now(); saved() < 3; await sleep(100))
    if (Date.now() - began > 300_000)
      throw new Error(`no checkpoint came: ${s3.asked.slice(-5).join('; ')} ${first.said().slice(-300)}`);
  first.child.kill('SIGKILL');
  await first.ended;
  await sleep(500);
  const before = s3.asked.length;
  say(`killed the first worker after ${saved()} checkpoints`);
  const second = work('second');
  const { code } = await controller.ended;
  if (code !== 0) throw new Error(`the controller ended with ${code}: ${controller.said().slice(-500)}`);
  second.child.kill('SIGTERM');
  await second.ended;
  const read = s3.asked.slice(before).indexOf(`GET ${path} 200`);
  if (read < 0) throw new Error('the second worker did not read the checkpoint of the first');
  const db = await openPostgres(server.url, { say });
  const [result] = await ledger(db).resultsOf('s3', [0]);
  await db.close();
  s3.end();
  if (!result || JSON.stringify(result.body) !== JSON.stringify(wanted?.body))
    throw new Error(`s3: ${JSON.stringify(result?.body)}, unbroken: ${JSON.stringify(wanted?.body)}`);
  if (result.worker !== 'second') throw new Error(`the result is of the worker "${result.worker}"`);
  return { requests: s3.asked.length, worker: ['first', result.worker] };
}
