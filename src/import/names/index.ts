/** @file The supported libraries, and the architectures that each has names for. */
import { timmNames } from '../../../zoo/architectures/library-names.ts';
import { suggestion, UsageError } from '../../errors.ts';
import type { Graph } from '../../graph/index.ts';
import { efficientnetPytorch } from './efficientnet-pytorch.ts';
import { keras } from './keras.ts';
import { mcunet } from './mcunet.ts';
import { pytorchcv } from './pytorchcv.ts';
import { type Named, named, type Scheme } from './scheme.ts';
import { timm } from './timm.ts';
import { torchvision } from './torchvision.ts';

/** `timm-tf`: timm's ports from TensorFlow (`tf_...`), of the same names but other padding and eps. */
export const sources = [
  'torchvision',
  'timm',
  'timm-tf',
  'efficientnet-pytorch',
  'pytorchcv',
  'mcunet',
  'keras',
  'moonlet',
] as const;
export type Source = (typeof sources)[number];
/** How a library lays out the weights of a layer, and calls them. */
export type Layout = 'torch' | 'keras' | 'moonlet';

/** timm's models that it has twice, its own and a port, and their architectures. */
const twice = Object.keys(timmNames).filter((name) => Object.hasOwn(timmNames, `tf_${name}`));
const ported = new Set(twice.map((name) => timmNames[name]?.[0].replace(/ .*/, '')));
const schemes: Readonly<Record<Exclude<Source, 'moonlet'>, Readonly<Record<string, Scheme>>>> = {
  torchvision,
  timm,
  'timm-tf': Object.fromEntries(Object.entries(timm).filter(([arch]) => ported.has(arch))),
  'efficientnet-pytorch': efficientnetPytorch,
  pytorchcv,
  mcunet,
  keras,
};

/** timm's own, or its port from TensorFlow, by the last model's name in a path or in what config.json says. */
export function portedByName(text: string): 'timm' | 'timm-tf' | undefined {
  const stems = [...new Set(twice.map((name) => name.replace(/_\d{3}$/, '')))];
  const names = new RegExp(`(?<![a-z0-9])(tf_)?(?:${stems.join('|')})`, 'g');
  const last = [...text.matchAll(names)].at(-1);
  return last && (last[1] ? 'timm-tf' : 'timm');
}

export const layoutOf = (source: Source): Layout =>
  source === 'keras' || source === 'moonlet' ? source : 'torch';

/** 'mobilenet-v2 width=0.5' is of the architecture mobilenet-v2. */
export const archOf = ({ name }: Graph): string => name.replace(/ .*$/s, '');

/** The libraries whose names of this architecture are known, ours always. */
export const sourcesOf = (graph: Graph): readonly Source[] =>
  sources.filter((source) => source === 'moonlet' || Object.hasOwn(schemes[source], archOf(graph)));

/** @throws UsageError for another name, or an architecture whose names in this library are not known. */
export function sourceNamed(name: string, graph: Graph): Source {
  const known = sourcesOf(graph);
  const source = known.find((s) => s === name);
  if (source) return source;
  throw new UsageError(
    `${archOf(graph)}: names are known of ${known.join(', ')}, not of "${name}".${suggestion(name, known)}`,
  );
}

/** The nodes with weights (by their ids), each with its module in the files of this library. */
export function namesOf(graph: Graph, source: Source, ids: readonly string[]): readonly Named[] {
  const scheme = source === 'moonlet' ? undefined : schemes[source][archOf(graph)];
  if (scheme) return named(graph, scheme, ids);
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  return ids.flatMap((id) => {
    const node = byId.get(id);
    return node ? [{ node, module: id, pointwise: false }] : [];
  });
}
