/**
 * @file Finds the logits of a classifier. Losses read logits; a net that ends in softmax (as most nets of Keras do)
 * has them one node earlier, and softmax of its softmax would hold the loss above log(e + classes - 1) - 1.
 */
import { MoonletError } from '../errors.ts';
import { classesOf, type Graph, type Node, nodesById, onlyOutput } from '../graph/index.ts';

/** The end of a classifier, which losses over classes read. */
export interface ClassEnd {
  /** The node of the logits, [classes]. */
  readonly logits: string;
  readonly classes: number;
}

/**
 * The logits of a classifier: its one output or, where that is a softmax, what the softmax reads.
 * @throws MoonletError when there are several outputs, or the output is a map or probabilities that come of a sigmoid or of
 * a softmax farther back.
 */
export function classEnd(graph: Graph): ClassEnd {
  return { logits: logitsAt(graph), classes: classesOf(graph) };
}

/** Checks the number of classes. @throws MoonletError for a net of one class, which cannot classify. */
export function checkClasses(graph: Graph, classes: number): void {
  if (classes < 2)
    throw new MoonletError(
      `${graph.name}: has ${classes} class, but a classifier needs 2 or more; compose it with classes=2`,
    );
}

/**
 * The logits at a node: the node itself or, where it is a softmax, what that reads.
 * @throws MoonletError when the node gives probabilities, from which logits cannot be read.
 */
export function logitsAt(graph: Graph, id = onlyOutput(graph)): string {
  const byId = nodesById(graph);
  const end = byId.get(id);
  const logits = end && isSoftmax(end) ? (end.inputs[0] ?? id) : id;
  checkLogits(graph, logits);
  return logits;
}

/** Checks that a node gives logits. @throws MoonletError when it gives probabilities of a sigmoid or softmax. */
export function checkLogits(graph: Graph, id: string): void {
  const byId = nodesById(graph);
  let node = byId.get(id);
  while (node && movesValues.has(node.op.kind)) node = byId.get(node.inputs[0] ?? '');
  if (!node || !squashes(node)) return;
  throw new MoonletError(
    `${graph.name}: "${id}" gives probabilities (${node.op.kind === 'act' ? node.op.fn : node.op.kind} at "${node.id}"), and losses need logits; make "${node.inputs[0]}" the output, by withOutput`,
  );
}

const isSoftmax = ({ op }: Node): boolean => op.kind === 'act' && op.fn === 'softmax';
const squashes = ({ op }: Node): boolean =>
  op.kind === 'act' && (op.fn === 'softmax' || op.fn === 'sigmoid' || op.fn === 'hardSigmoid');

/** Ops that hand on their input's values, moved, chosen, averaged or rounded: probabilities stay probabilities. */
const movesValues: ReadonlySet<Node['op']['kind']> = new Set([
  'flatten',
  'globalPool',
  'pool',
  'pad',
  'slice',
  'shuffle',
  'permute',
  'upsample',
  'resize',
  'pixelShuffle',
  'quantize',
  'dropout',
  'dropPath',
]);
