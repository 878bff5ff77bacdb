/** @file Inference with 8-bit integers over that with floats, of the same net. */
import { caseOf } from '../../../src/bench/cases.ts';
import { median } from '../../../src/bench/numbers.ts';
import { quantizeByData } from '../../../src/compress/index.ts';
import { foldNorms } from '../../../src/edit/index.ts';
import { compile } from '../../../src/engine/index.ts';
import { type Graph, inputShape, sizeOf } from '../../../src/graph/index.ts';
import { random } from '../../../src/random.ts';
import { init } from '../../../src/weights/index.ts';
import { compose } from '../../../zoo/index.ts';
import { machineOf } from '../../processors/machine.ts';
import type { Figure, Plan, RowKind } from './figure.ts';

export const integers: RowKind = {
  title: '8-bit integers over floats',
  about:
    'Inference of the quantized net and of the net with its norms folded, both by `compile` with its default threads, run in turn within one process.',
  measure,
};

/** With exact products of u8 by s8 in one instruction, and without. */
const goal = machineOf().has['VNNI'] ? 0.4 : 0.75;

async function measure({ rounds, quick, say }: Plan): Promise<readonly Figure[]> {
  const cases: readonly (readonly [string, Graph, number])[] = [
    ['I1, MobileNetV2, batch 1', caseOf('I1').graph, 1],
    ['I2, ResNeXt-50, batch 1', caseOf('I2').graph, 1],
    ['WRN-16-2 at 28, batch 64', compose('wrn depth=16 width=2 size=28 channels=1'), 64],
  ];
  const figures: Figure[] = [];
  for (const [what, graph, batch] of cases) {
    figures.push(await figureOf(what, graph, { batch, rounds, runs: quick ? 3 : 20 }));
    say(`integers, ${what}: ${JSON.stringify(figures.at(-1))}`);
  }
  return figures;
}

async function figureOf(
  what: string,
  graph: Graph,
  { batch, rounds, runs }: { readonly batch: number; readonly rounds: number; readonly runs: number },
): Promise<Figure> {
  const net = init(graph, { seed: 1 });
  const source = random('bench-rows', what);
  const x = Float32Array.from({ length: batch * sizeOf(inputShape(graph)) }, source.normal);
  const integer = await compile(await quantizeByData(net, [x]));
  const float = await compile(foldNorms(net));
  const [ours, values]: [number[], number[]] = [[], []];
  for (let round = -1; round < rounds; round++) {
    const [mine, theirs]: [number[], number[]] = [[], []];
    for (let i = 0; i < runs; i++)
      for (const [runner, times] of [
        [integer, mine],
        [float, theirs],
      ] as const) {
        const start = performance.now();
        await runner.run(x);
        times.push(performance.now() - start);
      }
    if (round < 0) continue; // warms up
    ours.push(median(mine));
    values.push(median(theirs));
  }
  await integer.release();
  await float.release();
  return { what, unit: 'ms', ours, peer: { name: 'floats', values }, goal };
}
