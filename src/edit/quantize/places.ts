/**
 * @file Chooses where a quantized net rounds its values: after every layer, except between a layer and the activation
 * that an integer runtime fuses with it. An op that only moves values keeps the steps of its input.
 */
import { match } from 'ts-pattern';
import { consumers, type Graph, type Node, nodesById } from '../../graph/index.ts';

/** A value that is rounded, with steps of its own or those of another value. */
export interface Place {
  readonly id: string;
  /** The value whose steps it has, because only ops that move values are between them. */
  readonly as?: string;
}

/** Whether an op only moves the values of its inputs, without changing them. */
const movesValues = ({ op }: Node): boolean =>
  match(op)
    .returnType<boolean>()
    .with({ kind: 'pool' }, { kind: 'globalPool' }, ({ fn }) => fn === 'max')
    .with({ kind: 'upsample' }, { kind: 'resize' }, ({ fn }) => fn === 'nearest')
    .with({ kind: 'slice' }, { kind: 'shuffle' }, { kind: 'permute' }, { kind: 'flatten' }, () => true)
    .with({ kind: 'pixelShuffle' }, { kind: 'maxout' }, { kind: 'dropout' }, { kind: 'dropPath' }, () => true)
    .with({ kind: 'pad' }, () => true) // zero is among the steps of every range
    .with({ kind: 'input' }, { kind: 'conv' }, { kind: 'dense' }, { kind: 'norm' }, () => false)
    .with({ kind: 'act' }, { kind: 'add' }, { kind: 'mul' }, { kind: 'concat' }, () => false)
    .with({ kind: 'shift' }, { kind: 'quantize' }, { kind: 'convTranspose' }, () => false)
    .with({ kind: 'layerNorm' }, { kind: 'responseNorm' }, { kind: 'scale' }, () => false)
    .with({ kind: 'groupNorm' }, { kind: 'attention' }, { kind: 'positions' }, () => false)
    .exhaustive();
/** Whether rounding to a range includes what this op does: clipping. */
const fuses = ({ op }: Node): boolean => op.kind === 'act' && (op.fn === 'relu' || op.fn === 'relu6');

/**
 * The values that are rounded, in order. A graph's outputs stay in floats by default; `outputs` rounds them too. The result
 * of a softmax always stays in floats.
 */
export function places(graph: Graph, outputs = false): readonly Place[] {
  const readers = consumers(graph);
  const byId = nodesById(graph);
  const found = new Map<string, Place>();
  for (const node of graph.nodes) {
    const { id, op } = node;
    const users = readers.get(id) ?? [];
    const isOutput = graph.outputs.includes(id);
    if (!users.length && !(isOutput && outputs)) continue;
    if (op.kind === 'quantize' || (op.kind === 'act' && op.fn === 'softmax')) continue;
    const [user] = users;
    const alone = users.length === 1 && !isOutput && user !== undefined;
    if (alone && (fuses(user) || (op.kind === 'norm' && user.op.kind === 'act'))) continue;
    if (users.length && users.every((u) => u.op.kind === 'quantize')) continue;
    if (!movesValues(node)) found.set(id, { id });
    else {
      const [from = ''] = node.inputs;
      const source = found.get(from);
      if (source) found.set(id, { id, as: source.as ?? source.id });
      else if (byId.get(from)?.op.kind !== 'act') found.set(id, { id });
    }
  }
  return [...found.values()];
}

/** The values whose range must be known before a net can be quantized. */
export const valuesToCalibrate = (graph: Graph, outputs = false): readonly string[] =>
  places(graph, outputs).flatMap((p) => (p.as === undefined ? [p.id] : []));
