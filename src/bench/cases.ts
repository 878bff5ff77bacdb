/** @file The eight cases of the benchmark: net, batch size and step of each. */

import { architectures, compose, loadStudent, readCard, studentNames } from '../../zoo/index.ts';
import { type Block, convNormAct, depthwiseSeparable, graph, input } from '../compose/index.ts';
import { cheapen } from '../edit/cheapen.ts';
import type { Graph } from '../graph/index.ts';
import type { CaseName, Job } from './types.ts';

export interface Case {
  readonly name: CaseName;
  readonly kind: Job['kind'];
  /** In words, for tables. */
  readonly what: string;
  readonly batch: number;
  readonly graph: Graph;
  readonly teacher?: Graph;
}

/** 28 x 28 x 1, as MNIST. */
export const wrn = (depth = 16, width = 1): Graph =>
  compose(`wrn depth=${depth} width=${width} size=28 channels=1`);

/**
 * The net of our first sketch of a traced step: depthwise-separable, 39,914 numbers, of which 1,600 are statistics of
 * norms. Its two strided convs are padded on both sides alike, which suits every peer.
 */
export function sketch(): Graph {
  const norm = { eps: 1e-3, momentum: 0.99 };
  const stages = [
    [32, 2],
    [32, 1],
    [64, 2],
    [64, 1],
    [128, 2],
    [128, 1],
  ] as const;
  const body = stages.map(([out, stride]): Block => depthwiseSeparable(out, { stride, norm }));
  const net = input(28, 28, 1)
    .pipe('stem', convNormAct(16, { kernel: 3, norm }))
    .stack('stage1', body)
    .pipe('head', (x) => x.globalPool().dense(10));
  return graph('sketch', net);
}

const make: Readonly<Record<CaseName, () => Omit<Case, 'name'>>> = {
  T1: () => ({
    kind: 'train',
    what: 'training step of a depthwise-separable net',
    batch: 64,
    graph: sketch(),
  }),
  T2: () => ({ kind: 'train', what: 'training step of WRN-16-1 with G(4)', batch: 64, graph: cheap() }),
  T3: () => ({
    kind: 'train',
    what: 'training step of MobileNetV2 at width 0.35',
    batch: 16,
    graph: compose('mobilenet-v2 width=0.35 size=96 dropout=0'),
  }),
  T4: () => ({ kind: 'train', what: 'training step of WRN-16-1', batch: 64, graph: wrn() }),
  D1: () => ({
    kind: 'distill',
    what: 'distillation step of WRN-16-1 with G(4) by attention transfer from WRN-16-2',
    batch: 64,
    graph: cheap(),
    teacher: wrn(16, 2),
  }),
  I1: () => ({ kind: 'infer', what: 'inference of MobileNetV2', batch: 1, graph: compose('mobilenet-v2') }),
  I2: () => {
    const graph = groupedNet();
    return { kind: 'infer', what: `inference of a grouped net, ${graph.name}`, batch: 1, graph };
  },
  I3: () => {
    const [name, graph] = smallestStudent();
    return { kind: 'infer', what: `inference of the smallest student, ${name}`, batch: 32, graph };
  },
};

const cheap = (): Graph => cheapen(wrn(), 'G(4)');

/** The first of these that the zoo has; else a ResNet with its 3x3 convs in groups. */
function groupedNet(): Graph {
  const name = ['resnext-50', 'resnext50', 'shufflenet-v2', 'shufflenet'].find((n) => architectures.has(n));
  return name ? compose(name) : cheapen(compose('resnet-18'), 'G(4)');
}

/** By parameters, of all that ship. */
function smallestStudent(): readonly [string, Graph] {
  const [name] = [...studentNames()].sort((a, b) => readCard(a).params - readCard(b).params);
  return name === undefined
    ? ['none ships, so WRN-16-1 with G(4)', cheap()]
    : [name, loadStudent(name).graph];
}

export const caseOf = (name: CaseName): Case => ({ name, ...make[name]() });
