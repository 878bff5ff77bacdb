/**
 * @file From a plan to a step that can run: tracing and compiling T3, in a warm process and in a new one, and from the cache on
 * disk.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answerOf, type Figure, type Plan, program, type RowKind } from './figure.ts';

interface Ours {
  readonly first: number;
  readonly warm: number;
}

export const firstStep: RowKind = {
  title: 'Before the first step',
  about:
    'Tracing and compiling the training step of T3 (MobileNetV2 at width 0.35, 96 x 96, batch 16): once in a new process, libraries loaded; and in a process that has done it often, so that JavaScript is compiled.',
  measure,
};

async function measure({ rounds, quick, say }: Plan): Promise<readonly Figure[]> {
  const words = program('first-step-job', quick ? '2' : '8');
  const folder = mkdtempSync(join(tmpdir(), 'moonlet-first-step-'));
  const cached = { MOONLET_CACHE: folder, MOONLET_MODEL_CACHE: '' };
  const [fresh, kept]: [Ours[], Ours[]] = [[], []];
  try {
    await answerOf<Ours>(process.execPath, words, cached); // fills the cache
    for (let round = 0; round < rounds; round++) {
      fresh.push(await answerOf<Ours>(process.execPath, words, { MOONLET_MODEL_CACHE: 'off' }));
      kept.push(await answerOf<Ours>(process.execPath, words, cached));
      say(`first step, round ${round + 1}: ${JSON.stringify([fresh.at(-1), kept.at(-1)])}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const line = (what: string, from: readonly Ours[], of: (o: Ours) => number, goal?: number): Figure => ({
    ...{ what, unit: 'ms', ours: from.map(of) },
    ...(goal === undefined ? {} : { goal }),
  });
  return [
    line('trace and compile, warm', fresh, (o) => o.warm, 300),
    line('from the cache, warm', kept, (o) => o.warm, 50),
    line('trace and compile, in a new process', fresh, (o) => o.first),
    line('from the cache, in a new process', kept, (o) => o.first),
  ];
}
