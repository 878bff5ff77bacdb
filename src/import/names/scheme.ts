/**
 * @file Rules that map Moonlet's paths to the layer names of a library. Shapes are never looked at to find a name;
 * they are compared afterwards.
 */
import { get } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import type { Graph, Node } from '../../graph/index.ts';
import { nodesById } from '../../graph/index.ts';

/** Where a node stands: 'stage2/0/expand/conv' is path 'expand/conv' of block 0 of the stage with index 1. */
export interface Place {
  readonly id: string;
  readonly path: string;
  /** From 0; -1 outside of the stages. */
  readonly stage: number;
  /** Within its stage, from 0; -1 outside of blocks. */
  readonly block: number;
  /** Among all blocks, from 0. */
  readonly index: number;
  readonly graph: Graph;
  /** Whether the same block has a node under this path. */
  has(path: string): boolean;
  hasNode(path: string): boolean;
}
export interface Counts {
  readonly graph: Graph;
  /** Whether the graph has a node of this id. */
  has(id: string): boolean;
  readonly stages: number;
  readonly blocks: number;
}
/** A module's name; 'layer/variable' where the library puts two of our layers into one of its own (Keras). */
type Template = string | ((c: Counts, stage: number) => string);
export interface Scheme {
  /** Nodes outside of blocks, by their id; 'stage/transition/norm' is that of any stage. */
  readonly ends: Readonly<Record<string, Template>>;
  /** The name of a block. */
  readonly block?: (p: Place) => string;
  /** What stands between it and the part; a dot by default. */
  readonly joint?: string;
  /** The names of a block's parts. */
  readonly parts?: Readonly<Record<string, string>> | ((p: Place) => Readonly<Record<string, string>>);
  /** Our dense layers that are 1x1 convs there, or the other way round, by id, or by path within a block. */
  readonly pointwise?: readonly string[] | ((graph: Graph) => readonly string[]);
}

export interface Named {
  readonly node: Node;
  readonly module: string;
  readonly pointwise: boolean;
}

/** Every node that has weights, with the name of its module. @throws MoonletError for a node that the rule forgot. */
export function named(graph: Graph, scheme: Scheme, ids: readonly string[]): readonly Named[] {
  const byId = nodesById(graph);
  const blockNames = [...new Set(ids.flatMap((id) => /^stage\d+\/\d+(?=\/)/.exec(id)?.[0] ?? []))];
  const pointwise = typeof scheme.pointwise === 'function' ? scheme.pointwise(graph) : scheme.pointwise;
  const counts: Counts = {
    graph,
    has: (id) => byId.has(id),
    stages: new Set(graph.nodes.flatMap(({ id }) => /^stage\d+(?=\/)/.exec(id)?.[0] ?? [])).size,
    blocks: blockNames.length,
  };
  return ids.map((id) => {
    const [, stage = '', block, inside = ''] = /^stage(\d+)\/(?:(\d+)\/)?(.+)$/.exec(id) ?? [];
    const prefix = block === undefined ? '' : `stage${stage}/${block}`;
    const place: Place = {
      graph,
      id,
      path: inside,
      stage: Number(stage || 0) - 1,
      block: block === undefined ? -1 : Number(block),
      index: blockNames.indexOf(prefix),
      hasNode: (path) => byId.has(`${prefix}/${path}`),
      has: (path) => ids.some((other) => other.startsWith(`${prefix}/${path}/`)),
    };
    const module = prefix
      ? part(scheme, place)
      : end(scheme.ends[stage ? `stage/${inside}` : id], counts, place.stage);
    if (module === undefined)
      throw new MoonletError(`${graph.name}: the rule of names has none for "${id}"; please report it`);
    return { node: get(byId, id), module, pointwise: pointwise?.includes(prefix ? inside : id) ?? false };
  });
}

const end = (template: Template | undefined, counts: Counts, stage: number): string | undefined =>
  typeof template === 'function' ? template(counts, stage) : template;

function part({ block, parts, joint = '.' }: Scheme, place: Place): string | undefined {
  const table = typeof parts === 'function' ? parts(place) : parts;
  const name = table?.[place.path];
  return block && name !== undefined ? `${block(place)}${joint}${name}` : undefined;
}

/** A conv and the norm after it, under one path of ours. */
export const pair = (path: string, conv: string, norm: string): Record<string, string> => ({
  [`${path}/conv`]: conv,
  [`${path}/norm`]: norm,
});
