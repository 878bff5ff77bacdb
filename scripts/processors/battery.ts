/** @file What every processor must do alike: names, the nets behind them, and the law that each is held to. */

import { caseOf, wrn } from '../../src/bench/cases.ts';
import { type Block, convNormAct, graph, input, residual } from '../../src/compose/index.ts';
import { cheapen } from '../../src/edit/cheapen.ts';
import type { Graph } from '../../src/graph/index.ts';
import { net2net } from '../../src/learn/distill/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { calibrated } from '../../test/support/calibrated.ts';
import { shaken, small } from '../../test/support/nets.ts';
import { randomIntegers, shippedIntegers } from './integers.ts';
import { inference, type Prepared, trainingStep } from './laws.ts';
import type { Kind } from './task-files.ts';

export interface Case {
  readonly name: string;
  readonly kind: Kind;
  /** Of the quick run. */
  readonly isQuick: boolean;
  /** Draws the numbers and computes here what is right. */
  prepare(): Promise<Prepared>;
}

/** Norms shift most values above the kink of a relu, where rounding could turn them. */
const calm = (of: Graph): Net => shaken(of, 1, true);

/**
 * A net that grew to 12, 20 and 24 channels, none of which fills blocks of 8 and of 16; the function is its teacher's.
 * Chen et al. 2016, arXiv:1511.05641.
 */
export function widened(): { readonly teacher: Net; readonly student: Net } {
  const block = (out: number, stride: number): Block => {
    const body: Block = (x) =>
      x
        .pipe('0', convNormAct(out, { kernel: 3, stride }))
        .pipe('1', convNormAct(out, { kernel: 3, act: 'none' }));
    return residual(out, body, { stride });
  };
  const net = input(16, 16, 1)
    .pipe('stem', convNormAct(8, { kernel: 3 }))
    .stack('stage1', [block(8, 1)])
    .stack('stage2', [block(16, 2)])
    .stack('stage3', [block(16, 2)])
    .pipe('head', (x) => x.globalPool().dense(10));
  const teacher = calm(graph('narrow', net));
  const plan = [{ widen: { stage1: 'x1.5', stage2: 'x1.25', stage3: 'x1.5' } }] as const;
  return { teacher, student: net2net(teacher, plan, { seed: 3 }).student };
}

/** Batches that fill blocks of 8 and 16, one that fills neither, and one beyond several. */
const trained: readonly (readonly [name: string, net: () => Net, batches: readonly number[]])[] = [
  ['T1', () => calm(caseOf('T1').graph), [64, 12, 50]],
  ['T4', () => calm(caseOf('T4').graph), [64, 12, 50]],
  ['WRN-16-1 with G(4)', () => calm(cheapen(wrn(), 'G(4)')), [64, 12, 50]],
  ['widened to 12, 20 and 24 channels', () => widened().student, [64, 12, 50]],
];

/** One of each kind of block that the zoo has. */
const inferred = [
  'wrn',
  'mobilenet-v1',
  'mobilenet-v2',
  'mobilenet-v3-small',
  'shufflenet-v2',
  'squeezenet',
  'densenet-cifar',
  'resnext-cifar',
  'igcv1',
  'ghostnet',
  'efficientnet-b0',
] as const;

const asIntegers = ['wrn', 'mobilenet-v3-small', 'shufflenet-v2', 'squeezenet'] as const;
const shipped = ['mnist/wrn-16-1', 'mnist/shufflenet-v2-x10'] as const;

const zooNet = (name: string): Promise<Net> => calibrated(small(name));

export const battery: readonly Case[] = [
  ...trained.flatMap(([name, net, batches]) =>
    batches.map(
      (batch): Case => ({
        name: `${name}, batch ${batch}`,
        kind: 'step',
        isQuick: batch === 12,
        prepare: () => trainingStep(net(), batch),
      }),
    ),
  ),
  ...inferred.map(
    (name): Case => ({
      name,
      kind: 'infer',
      isQuick: name === 'wrn' || name === 'mobilenet-v2',
      prepare: async () => inference(await zooNet(name)),
    }),
  ),
  {
    name: 'the widened net, against its teacher',
    kind: 'infer',
    isQuick: true,
    prepare: () => {
      const { teacher, student } = widened();
      return inference(student, teacher);
    },
  },
  ...asIntegers.map(
    (name): Case => ({
      name: `int8 ${name}`,
      kind: 'integers',
      isQuick: name === 'wrn',
      prepare: () => randomIntegers((): Graph => small(name)),
    }),
  ),
  ...shipped.map(
    (name): Case => ({
      name: `int8 ${name}`,
      kind: 'integers',
      isQuick: false,
      prepare: () => shippedIntegers(name),
    }),
  ),
];
