/**
 * @file Adapts a graph to the library that trained the weights. The same weights with another eps or padding would run
 * and give wrong results. Therefore the imported graph computes as the library does, and each difference is reported.
 */
import type { Graph, Norm, Op } from '../graph/index.ts';
import { rewrite } from '../graph/index.ts';
import { archOf, type Source } from './names/index.ts';

interface Numerics {
  readonly eps?: number;
  /** The share of the old running statistics that a step keeps. */
  readonly momentum?: number;
  /** Strided convs, and pools, pad as TensorFlow does, or (`end`) one zero at the bottom and right in any case. */
  readonly padding?: 'same' | 'end';
  /** The first conv of a bottleneck has its stride, not the 3x3 conv (ResNet v1, not v1.5). */
  readonly earlyStride?: boolean;
  /** Convs before norms have biases. */
  readonly biases?: boolean;
}
const tensorflow: Numerics = { eps: 1e-3, padding: 'same' };
const byArch: Readonly<Partial<Record<Source, Readonly<Record<string, Numerics>>>>> = {
  torchvision: {
    'mobilenet-v3-small': { eps: 1e-3, momentum: 0.99 },
    'mobilenet-v3-large': { eps: 1e-3, momentum: 0.99 },
    mnasnet: { momentum: 0.9997 },
  },
  keras: {
    'mobilenet-v1': { eps: 1e-3, momentum: 0.99, padding: 'end' },
    'mobilenet-v2': { ...tensorflow, momentum: 0.999 },
    'mobilenet-v3-small': { ...tensorflow, momentum: 0.999 },
    'mobilenet-v3-large': { ...tensorflow, momentum: 0.999 },
    ...Object.fromEntries([0, 1, 2, 3].map((i) => [`efficientnet-b${i}`, { ...tensorflow, momentum: 0.99 }])),
    xception: { ...tensorflow, momentum: 0.99 },
    'densenet-121': { eps: 1.001e-5, momentum: 0.99 },
    'resnet-50': { eps: 1.001e-5, momentum: 0.99, earlyStride: true, biases: true },
  },
};
/** torchvision's EfficientNet-B5 to B7, by their widths, have another eps than its smaller ones. */
const isWide = ({ name }: Graph): boolean => /^efficientnet-b0 .*\bwidth=(?:1\.[6-9]|[2-8])/.test(name);
export const numericsOf = (graph: Graph, source: Source): Numerics =>
  source === 'timm-tf'
    ? tensorflow
    : source === 'torchvision' && isWide(graph)
      ? { eps: 1e-3, momentum: 0.99 }
      : source === 'efficientnet-pytorch'
        ? { ...tensorflow, momentum: 0.99 }
        : (byArch[source]?.[archOf(graph)] ?? {});

export interface Adapted {
  readonly graph: Graph;
  /** Each kind of difference in a few words. */
  readonly differences: readonly string[];
}

/** Settings of a norm that the file contains. */
export type ToldNorm = Pick<Numerics, 'eps' | 'momentum'>;

/** The graph as the library computes it; `told` has the settings of norms that the file contains, by node. */
export function adapt(
  graph: Graph,
  source: Source,
  told: ReadonlyMap<string, ToldNorm> = new Map(),
): Adapted {
  const numerics = numericsOf(graph, source);
  const counts = new Map<string, number>();
  const changed = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const adapted = rewrite(graph, (node) => {
    const op = adaptedOp(node.id, node.op, { ...numerics, ...told.get(node.id) }, changed);
    return op === node.op ? undefined : [{ ...node, op }];
  });
  const differences = [...counts].map(([what, n]) => `${what} (${n})`);
  return {
    graph: differences.length ? { ...adapted, name: `${graph.name} as ${source}` } : graph,
    differences,
  };
}

function adaptedOp(id: string, op: Op, numerics: Numerics, changed: (what: string) => void): Op {
  switch (op.kind) {
    case 'norm':
      return adaptedNorm(op, numerics, changed);
    case 'conv': {
      const { padding, earlyStride } = numerics;
      if (padding && Array.isArray(op.padding) && Math.max(...op.stride) > 1) {
        changed('strided convs padded at the bottom and right, not all around');
        return { ...op, padding: padding === 'same' || id === 'stem/conv' ? 'same' : [0, 1, 1, 0] };
      }
      const place = earlyStride ? /^stage([2-4])\/0\/(narrow|filter)\/conv$/.exec(id) : null;
      if (!place) return op;
      if (place[2] === 'narrow') {
        changed('strides on the first conv of a bottleneck, not on the second');
        return { ...op, stride: [2, 2] };
      }
      return { ...op, stride: [1, 1], padding: 'same' };
    }
    case 'pool':
      if (!numerics.padding || !Array.isArray(op.padding)) return op;
      changed('pools padded at the bottom and right, not all around');
      return { ...op, padding: 'same' };
    default:
      return op;
  }
}

function adaptedNorm(
  op: Norm,
  { eps = op.eps, momentum = op.momentum }: Numerics,
  changed: (what: string) => void,
): Op {
  if (eps !== op.eps) changed(`norms of eps ${eps}, not ${op.eps}`);
  if (momentum !== op.momentum) changed(`norms of momentum ${momentum}, not ${op.momentum}`);
  return eps === op.eps && momentum === op.momentum ? op : { ...op, eps, momentum };
}
