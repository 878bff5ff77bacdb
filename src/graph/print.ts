/** @file Prints a graph, one line per node, with the names of the builder. */
import { match } from 'ts-pattern';
import { fold } from './graph.ts';
import type { Graph, Op, Padding, Pair } from './op.ts';
import { shapes } from './shape.ts';
import { printShape } from './shape-check.ts';

const pair = ([h, w]: Pair): string => (h === w ? `${h}` : `${h}x${w}`);
const unless = (text: string, usual: boolean): string => (usual ? '' : text);
const padded = (padding: Padding): string =>
  unless(` padding=${typeof padding === 'string' ? padding : padding.join(',')}`, padding === 'same');

/** An op and the options that are not the usual ones: `conv 3x3 64 stride=2 groups=4`. */
export const printOp = (op: Op): string =>
  match(op)
    .returnType<string>()
    .with({ kind: 'input' }, ({ shape }) => `input ${printShape(shape)}`)
    .with({ kind: 'conv' }, { kind: 'convTranspose' }, (o) =>
      [
        `${o.kind} ${o.kernel.join('x')} ${o.out}`,
        unless(
          ` stride=${pair(o.stride)}`,
          o.stride.every((n) => n === 1),
        ),
        unless(` groups=${o.groups}`, o.groups === 1),
        unless(
          ` dilation=${pair(o.dilation)}`,
          o.dilation.every((n) => n === 1),
        ),
        padded(o.padding),
        o.kind === 'convTranspose'
          ? unless(` outputPadding=${pair(o.outputPadding)}`, !Math.max(...o.outputPadding))
          : '',
        unless(' bias', !o.bias),
      ].join(''),
    )
    .with({ kind: 'dense' }, (o) => `dense ${o.out}${unless(' no bias', o.bias)}`)
    .with(
      { kind: 'norm' },
      { kind: 'layerNorm' },
      (o) => `${o.kind}${unless(' no scale', o.scale)}${unless(' no offset', o.offset)}`,
    )
    .with(
      { kind: 'groupNorm' },
      (o) => `groupNorm groups=${o.groups}${unless(' no scale', o.scale)}${unless(' no offset', o.offset)}`,
    )
    .with({ kind: 'attention' }, (o) =>
      [
        `${unless(`${o.form} `, o.form === 'softmax')}attention heads=${o.heads}`,
        unless(` scale=${o.scale.toPrecision(4)}`, o.form !== 'softmax'),
        unless(` ${o.within} of ${o.size.join('x')}`, o.within === 'whole'),
        unless(' bias', !o.bias),
        unless(' talking', !o.talking),
      ].join(''),
    )
    .with({ kind: 'scale' }, { kind: 'responseNorm' }, ({ kind }) => kind)
    .with({ kind: 'positions' }, ({ features }) => `positions features=${features}`)
    .with({ kind: 'act' }, ({ fn }) => fn)
    .with(
      { kind: 'pool' },
      (o) => `${o.fn}Pool ${o.size.join('x')} stride=${pair(o.stride)}${padded(o.padding)}`,
    )
    .with({ kind: 'pad' }, ({ pads }) => `pad ${pads.join(',')}`)
    .with({ kind: 'globalPool' }, ({ fn }) => `global${fn === 'avg' ? 'Avg' : 'Max'}Pool`)
    .with({ kind: 'slice' }, ({ from, to }) => `slice ${from}..${to}`)
    .with({ kind: 'shuffle' }, ({ groups }) => `shuffle ${groups}`)
    .with(
      { kind: 'permute' },
      ({ order }) => `permute ${order.slice(0, 4).join(',')}${order.length > 4 ? ',...' : ''}`,
    )
    .with({ kind: 'maxout' }, ({ pieces }) => `maxout ${pieces}`)
    .with({ kind: 'shift' }, ({ kernel }) => `shift ${kernel}x${kernel}`)
    .with({ kind: 'pixelShuffle' }, ({ factor }) => `pixelShuffle ${factor}`)
    .with({ kind: 'resize' }, (o) => `resize ${o.size.join('x')} ${o.fn} ${o.align}`)
    .with({ kind: 'upsample' }, ({ factor, fn }) => `upsample ${factor} ${fn}`)
    .with(
      { kind: 'quantize' },
      (o) =>
        `quantize ${o.signed ? 'int' : 'uint'}${o.bits} scale=${o.scale.toPrecision(4)}${unless(` zero=${o.zero}`, o.zero === 0)}`,
    )
    .with({ kind: 'dropout' }, { kind: 'dropPath' }, ({ kind, rate }) => `${kind} ${rate}`)
    .with({ kind: 'add' }, { kind: 'mul' }, { kind: 'concat' }, { kind: 'flatten' }, ({ kind }) => kind)
    .exhaustive();

/** The whole graph as text: path, op, inputs, shape. Inputs are named only where they are not the line above. */
export function print(graph: Graph): string {
  const shapeById = shapes(graph);
  let above = '';
  const lines = fold<string>(graph, (node) => {
    const from = node.inputs.length === 1 && node.inputs[0] === above ? '' : ` (${node.inputs.join(', ')})`;
    above = node.id;
    const shared = node.weightsOf ? ` weights of ${node.weightsOf}` : '';
    return `${node.id}: ${printOp(node.op)}${node.inputs.length ? from : ''}${shared} -> ${printShape(shapeById.get(node.id) ?? [])}`;
  });
  const name = graph.integers ? `${graph.name} (integers: ${graph.integers})` : graph.name;
  return [name, ...lines.values(), `outputs: ${graph.outputs.join(', ')}`].join('\n');
}
