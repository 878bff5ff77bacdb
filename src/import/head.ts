/**
 * @file Classifiers that differ from the architecture's own: one from transfer learning, which the file describes, or
 * none, where a new one is initialized. Everything up to the last map stays as it is; the rest is replaced.
 */
import { quote } from '../errors.ts';
import { channelsOf, type Graph, isMap, type Node, type Op, type Shape, shapes } from '../graph/index.ts';
import { entries, init, type Weight, type WeightKey } from '../weights/index.ts';
import { type Expected, variableOf } from './expect.ts';
import type { ForeignTensor, Told } from './file.ts';
import type { FileHead, HeadStep } from './keras-head.ts';

/** The global pool before the classifier; undefined for nets that have none. */
const poolOf = (graph: Graph): Node | undefined =>
  graph.nodes.findLast(({ id, op }) => op.kind === 'globalPool' && id.startsWith('head/'));

/** The nodes behind the last map: the pool and the classifier. */
function headNodes(graph: Graph): ReadonlySet<string> {
  const pool = poolOf(graph);
  const behind = new Set<string>(pool ? [pool.id] : []);
  for (const { id, inputs } of graph.nodes) if (inputs.some((input) => behind.has(input))) behind.add(id);
  return behind;
}

export interface Classifier {
  readonly graph: Graph;
  /** The weights that the file must have for the graph. */
  readonly wanted: readonly Expected[];
  readonly differences: readonly string[];
  /** New weights, for those that the file does not have. */
  readonly fresh: ReadonlyMap<WeightKey, Weight>;
  /** A hint, when the file's classifier is different and cannot be used. */
  readonly hint?: string;
}
interface Library {
  readonly keras: boolean;
  readonly told: Told;
}

/**
 * Returns the architecture's own classifier if the file contains a part of it, or lacks other weights too; the classifier
 * of the file if Keras wrote another; a new one if the file has none and `freshHead` is set. `usual` are the weights that the
 * architecture requires, `tensors` those of the file.
 */
export function classifierOf(
  graph: Graph,
  usual: readonly Expected[],
  { keras, told }: Library,
  tensors: ReadonlyMap<string, ForeignTensor>,
  { freshHead = false }: { readonly freshHead?: boolean },
): Classifier {
  const own: Classifier = { graph, wanted: usual, differences: [], fresh: new Map() };
  const behind = headNodes(graph);
  const missing = usual.filter(({ name }) => !tensors.has(name));
  const names = new Set(usual.map(({ name }) => name));
  const others = new Map([...tensors].filter(([key]) => !names.has(key)));
  const headless =
    missing.some(({ node }) => node === 'head/dense') && missing.every((e) => behind.has(e.node));
  if (!headless) return own;
  if (others.size) {
    if (!keras || missing.length < usual.filter(({ node }) => behind.has(node)).length) return own;
    const replaced = replaceHead(graph, told, others);
    if ('hint' in replaced) return { ...own, ...replaced };
    const kept = usual.filter(({ node }) => !behind.has(node));
    return { ...replaced, wanted: [...kept, ...replaced.wanted], fresh: new Map() };
  }
  if (!freshHead)
    return {
      ...own,
      hint: 'it has no classifier (in Keras: include_top=False); add --fresh-head to initialize a new one at random',
    };
  const drawn = init(graph).weights;
  const lacking = new Set(missing.map(({ key }) => key));
  return {
    ...own,
    wanted: usual.filter(({ key }) => !lacking.has(key)),
    fresh: new Map([...drawn].filter(([key]) => lacking.has(key))),
    differences: [
      `no classifier in the file: ${lacking.size} weights are initialized at random and must be trained`,
    ],
  };
}

/** Why the head cannot be used, with the remedy. */
interface Unfit {
  readonly hint: string;
}
/** The graph with the classifier that the file describes, or that follows from its only dense layer. */
function replaceHead(
  graph: Graph,
  told: Told,
  unexpected: ReadonlyMap<string, ForeignTensor>,
): Omit<Classifier, 'fresh'> | Unfit {
  const pool = poolOf(graph);
  const head = told.head ?? (told.layers ? undefined : plainHead(unexpected));
  if (!pool || !head)
    return {
      hint: told.layers
        ? 'its classifier does not consist of dense layers after a pool; only such classifiers can be imported'
        : 'its classifier has several layers, whose order is not in a file with weights only; save the whole model, model.save("model.keras"), and import that',
    };
  if (head.unread !== undefined)
    return { hint: `its classifier has a layer that is not supported: ${head.unread}` };
  const [input = ''] = pool.inputs;
  const map = shapes(graph).get(input);
  if (!map || !isMap(map)) return { hint: 'the architecture has no feature map before its classifier' };
  const behind = headNodes(graph);
  const kept = graph.nodes.filter(({ id }) => !behind.has(id));
  const built = build(head, input, map, new Set(kept.map(({ id }) => id)));
  if ('hint' in built) return built;
  const changed: Graph = { ...graph, nodes: [...kept, ...built.nodes], outputs: [built.output] };
  const wanted = entries(changed).flatMap((entry): Expected[] => {
    const layer = built.layers.get(entry.node);
    const name = layer === undefined ? undefined : `${layer}/${variableOf('keras', entry.slot)}`;
    return name === undefined ? [] : [{ ...entry, name, foreignShape: entry.shape }];
  });
  return { graph: changed, wanted, differences: built.differences };
}

/** A file without configuration: one dense layer, which reads the pooled map. */
function plainHead(unexpected: ReadonlyMap<string, ForeignTensor>): FileHead | undefined {
  const kernels = [...unexpected].filter(
    ([name, { shape }]) => name.endsWith('/kernel') && shape.length === 2,
  );
  const [name, tensor] = kernels[0] ?? [];
  if (kernels.length !== 1 || !name || !tensor) return undefined;
  const layer = name.replace(/\/kernel$/, '');
  const bias = unexpected.has(`${layer}/bias`);
  const others = [...unexpected.keys()].filter((key) => key !== name && key !== `${layer}/bias`);
  if (others.length) return undefined;
  return {
    steps: [
      { kind: 'globalPool', fn: 'avg' },
      { kind: 'dense', layer, units: tensor.shape[1] ?? 0, bias },
    ],
    assumed:
      'the file does not specify how the feature map becomes a vector; global average pooling is assumed',
  };
}

interface Built {
  readonly nodes: readonly Node[];
  readonly output: string;
  /** The file's layer of each node with weights. */
  readonly layers: ReadonlyMap<string, string>;
  readonly differences: readonly string[];
}

function build(head: FileHead, input: string, map: Shape, taken: Set<string>): Built | Unfit {
  const last = head.steps.findLastIndex(({ kind }) => kind === 'dense');
  const [nodes, layers, differences]: [Node[], Map<string, string>, string[]] = [[], new Map(), []];
  let [output, hidden, vector] = [input, 0, !isMap(map)];
  const add = (path: string, op: Op, layer?: string): void => {
    let id = path;
    for (let n = 2; taken.has(id); n++) id = `${path}${n}`;
    taken.add(id);
    nodes.push({ id, op, inputs: [output] });
    if (layer !== undefined) layers.set(id, layer);
    output = id;
  };
  for (const [i, step] of head.steps.entries()) {
    const place = i > last || !hidden ? 'head' : `head/hidden${hidden}`;
    if (step.kind === 'dense') {
      if (!vector) return { hint: `its dense layer ${quote(step.layer)} reads a feature map, not a vector` };
      if (i < last) hidden++;
      const path = i < last ? `head/hidden${hidden}` : 'head';
      add(`${path}/dense`, { kind: 'dense', out: step.units, bias: step.bias }, step.layer);
    } else if (step.kind === 'norm') {
      const { layer, ...op } = step;
      add(`${place}/norm`, op, layer);
    } else if (step.kind === 'act') {
      const ends =
        i === head.steps.length - 1 && i > last && (step.fn === 'softmax' || step.fn === 'sigmoid');
      if (ends) differences.push(`the file ends in ${step.fn}, the net ends in the logits before it`);
      else add(`${place}/act`, { kind: 'act', fn: step.fn });
    } else if (step.kind === 'dropout') add(`${place}/dropout`, step);
    else if (!vector) {
      const op = pooled(step, map);
      if (!op)
        return {
          hint: `its classifier pools windows of ${step.kind === 'pool' ? step.size.join(' x ') : ''}, not the whole map of ${map.slice(0, 2).join(' x ')}; does the net have another input size?`,
        };
      add(`head/${op.kind}`, op);
      vector = true;
    }
  }
  differences.push(`the classifier is that of the file: ${describe(head.steps)}`);
  if (head.assumed !== undefined) differences.push(head.assumed);
  return { nodes, output, layers, differences };
}

/** The op that converts the whole feature map to a vector; undefined for a pool over smaller windows. */
function pooled(step: HeadStep, map: Shape): Op | undefined {
  if (step.kind === 'globalPool') return step;
  if (step.kind === 'flatten') return map[0] === 1 && map[1] === 1 ? { kind: 'globalPool', fn: 'avg' } : step;
  if (step.kind !== 'pool') return undefined;
  const [h, w = h] = step.size;
  return h === map[0] && w === map[1] ? { kind: 'globalPool', fn: step.fn } : undefined;
}

const describe = (steps: readonly HeadStep[]): string =>
  steps
    .flatMap((step) => (step.kind === 'dense' ? [`dense ${step.units} (${quote(step.layer)})`] : []))
    .join(', ');

/** The number of outputs of a net; of a classifier the number of classes. */
export function classesOf(graph: Graph): number | undefined {
  const shape = shapes(graph).get(graph.outputs[0] ?? '');
  return shape && channelsOf(shape);
}
