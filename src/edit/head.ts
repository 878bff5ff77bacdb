/** @file Replaces the classifier of a net by a new one for other classes. The first step of fine-tuning. */
import { Refusal } from '../errors.ts';
import {
  check,
  classesOf,
  consumers,
  type Graph,
  type Node,
  nodeAt,
  nodesById,
  type Op,
  onlyOutput,
  type Shape,
  shapes,
} from '../graph/index.ts';
import { init, type Net, splitKey, type Weights } from '../weights/index.ts';
import { seed as anySeed, checkNet, checkOptions, checkValue, whole } from './options.ts';

export interface HeadOptions {
  /** Of the fresh weights; 0 by default. */
  readonly seed?: number;
}

/**
 * The net for other classes: the last dense layer, or the last conv of nets that end in a conv and global pooling, is
 * replaced by a fresh one with `classes` outputs. What stands after it (activation, pooling, dropout) and all other weights
 * are kept; paths stay as they are.
 *
 * The output of the new net is not that of the old one, even for the same number of classes. To train the new head alone at
 * first, pass `train: ['head']` to `fit`. `addHead` of `moonlet/learn` keeps the old head instead.
 *
 * @throws Refusal when the net has no classifier, or its classifier is also read or shared elsewhere; MoonletError for a net
 * of several outputs or whose output is a map; UsageError for a number of classes that is not a whole number from 2 up.
 *
 * @example
 * import { init, withHead } from 'moonlet';
 * import { mobilenetV2 } from 'moonlet/architectures';
 * const pretrained = init(mobilenetV2({ width: 0.35, size: 96 }), { seed: 1 });
 * const flowers = withHead(pretrained, 5, { seed: 2 });
 * flowers.weights.get('head/dense:kernel')?.shape; // [1280, 5]
 */
export function withHead(net: Net, classes: number, o: HeadOptions = {}): Net {
  checkNet('withHead', net);
  checkValue('withHead', 'the number of classes', classes, whole(2));
  checkOptions('withHead', o, { seed: anySeed });
  const { graph } = net;
  classesOf(graph); // one output, and a vector
  const classifier = classifierOf(graph);
  const nodes = graph.nodes.map((n) => (n === classifier ? { ...n, op: withOutputs(n.op, classes) } : n));
  const changed = check({ ...graph, nodes });
  const got = classesOf(changed);
  if (got !== classes)
    throw new Refusal(
      `withHead: ${graph.name}: "${classifier.id}" with ${classes} channels gives ${got} values; pool its map before it is flattened`,
    );
  const kept = [...net.weights].filter(([key]) => splitKey(key)[0] !== classifier.id);
  const fresh = freshWeights(changed, classifier.id, o.seed ?? 0);
  return { graph: changed, weights: new Map([...kept, ...fresh]) };
}

/** The weights of one node, as `init` of the whole net would draw them. */
function freshWeights(graph: Graph, id: string, seed: number): Weights {
  const { op, inputs } = nodeAt(graph, id);
  const [source = ''] = inputs;
  const input: Node = { id: source, op: { kind: 'input', shape: shapeAt(graph, source) }, inputs: [] };
  return init({ ...graph, nodes: [input, { id, op, inputs }], outputs: [id] }, { seed }).weights;
}
function shapeAt(graph: Graph, id: string): Shape {
  const shape = shapes(graph).get(id);
  if (shape) return shape;
  throw new Error(`internal: ${graph.name} has no "${id}"`);
}

const withOutputs = (op: Op, out: number): Op =>
  op.kind === 'dense' || op.kind === 'conv' ? { ...op, out } : op;

/** Ops after a classifier that pass one channel on for each class. */
const keepsClasses: ReadonlySet<Op['kind']> = new Set<Op['kind']>([
  'act',
  'pool',
  'globalPool',
  'flatten',
  'dropout',
  'dropPath',
]);

/** The last layer with a kernel, found backwards from the output. @throws Refusal when it cannot be replaced. */
function classifierOf(graph: Graph): Node {
  const fail = (reason: string): never => {
    throw new Refusal(`withHead: ${graph.name}: ${reason}`);
  };
  const byId = nodesById(graph);
  const users = consumers(graph);
  let reader: Node | undefined;
  for (let node = byId.get(onlyOutput(graph)); node; node = byId.get(node.inputs[0] ?? '')) {
    const { id, op, weightsOf } = node;
    const other = users.get(id)?.find((n) => n !== reader);
    if (other) fail(`"${id}" of the head is also read by "${other.id}"; remove that reader first`);
    if (op.kind === 'dense' || (op.kind === 'conv' && op.groups === 1)) {
      const twin = weightsOf ?? graph.nodes.find((n) => n.weightsOf === id)?.id;
      if (twin !== undefined) fail(`"${id}" shares its weights with "${twin}"; give it weights of its own`);
      return node;
    }
    if (!keepsClasses.has(op.kind))
      fail(`no classifier: the output comes from "${id}" (${op.kind}), not from a dense layer or a conv`);
    reader = node;
  }
  return fail('no classifier: it has no dense layer and no conv');
}
