/** @file Completions of the editor: the builder's functions, its methods, its blocks, and the architectures. */
import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import * as families from '../../../zoo/architectures/families.ts';
import { architectures } from '../../../zoo/architectures/index.ts';
import { blocks } from '../../index.ts';

type Row = readonly [label: string, detail: string, info: string];
const methods: readonly Row[] = [
  [
    'conv',
    '(out, { kernel, stride, groups, padding, bias })',
    'A conv without bias, 1x1 by default: [h, w, c] to [h, w, out].',
  ],
  ['depthwise', '({ kernel, stride, multiplier })', 'One filter a channel, 3x3 by default.'],
  ['norm', '({ eps, momentum })', 'Batch norm over channels.'],
  [
    'act',
    "('relu6')",
    'An activation: relu, relu6, hardSwish, swish, gelu, sigmoid, tanh, softmax and others.',
  ],
  ['relu', '()', 'The activation relu.'],
  ['maxPool', '({ size, stride })', 'Largest values of windows.'],
  ['avgPool', '({ size, stride })', 'Means of windows.'],
  ['globalPool', "('avg' | 'max')", 'One value a channel: [h, w, c] to [c].'],
  ['flatten', '()', 'All values in one row: [h, w, c] to [h w c].'],
  ['dense', '(out, { bias })', 'A fully connected layer: [c] to [out]. After globalPool() or flatten().'],
  ['dropout', '(rate)', 'Dropout of single values in training.'],
  ['dropPath', '(rate)', 'Stochastic depth in training.'],
  ['add', '(...others)', 'Elementwise sum of values of one shape.'],
  ['concat', '(...others)', 'Channels one after another.'],
  ['mul', '(gate)', 'Multiplies by a gate of the same shape, or by one value a channel.'],
  ['slice', '(from, to)', 'Channels from to to - 1.'],
  ['shuffle', '(groups)', 'Interleaves groups of channels (ShuffleNet).'],
  ['shift', '(kernel)', 'Moves groups of channels by the offsets of a window.'],
  ['upsample', "(factor, 'nearest' | 'bilinear')", 'Makes maps larger.'],
  ['maxout', '(pieces)', 'The largest of neighbouring channels.'],
  ['pipe', "('stage1', block)", 'A block under a path, which names its layers.'],
  ['stack', "('stage1', [block, ...])", 'Blocks one after another, under stage1/0, stage1/1, ...'],
  ['residual', '(body, shortcut)', 'shortcut(x) + body(x); the shortcut is x itself by default.'],
  ['channels', 'number', 'The channels of this value.'],
  ['shape', '[h, w, c] or [c]', 'The shape of this value.'],
];
const globals: readonly Row[] = [
  ['graph', "('name', x)", 'Ends a net: the graph that leads to x.'],
  ['input', '(height, width, channels)', 'Begins a net.'],
  ['repeat', '(n, (i) => block)', 'So many blocks, for stack.'],
  ['blocks', 'convNormAct, invertedResidual, ...', 'Parts of nets.'],
  ['cheapen', "(graph, 'G(4)')", "Moonshine's cheap blocks in place of the convs of residual branches."],
  ['withHead', '(net, ...)', 'Another number of classes.'],
  ['import', "{ graph, input } from 'moonlet'", 'The builder.'],
];
const blockNames: readonly Row[] = Object.entries(blocks)
  .filter(([, value]) => typeof value === 'function')
  .map(([name]) => [name, '(...)', 'A block: for pipe and stack.']);

const completion =
  (type: string) =>
  ([label, detail, info]: Row): Completion => ({ label, detail, info, type });

const familyNames = Object.entries(families).map(([name, arch]): Completion => {
  const known = architectures.get(arch.name);
  const options = Object.entries(arch.options).map(
    ([key, { doc, range, default: usual }]) => `${key}: ${doc}; ${range}, ${String(usual)} by default`,
  );
  return {
    label: name,
    type: 'function',
    detail: `({ ${Object.keys(arch.options).slice(0, 3).join(', ')}, ... })`,
    info: [known ? `${known.paper.title}, ${known.paper.year}.` : '', ...options].join('\n'),
    boost: -1,
  };
});

const afterDot = methods.map(completion('method'));
const afterBlocks = blockNames.map(completion('function'));
const anywhere = [...globals.map(completion('function')), ...afterBlocks, ...familyNames];

export function complete(context: CompletionContext): CompletionResult | null {
  const ofBlocks = context.matchBefore(/\bblocks\.\w*/);
  if (ofBlocks) return { from: ofBlocks.from + 'blocks.'.length, options: afterBlocks, validFor: /^\w*$/ };
  const dot = context.matchBefore(/\.\w*/);
  if (dot) return { from: dot.from + 1, options: afterDot, validFor: /^\w*$/ };
  const word = context.matchBefore(/\w+/);
  if (!word && !context.explicit) return null;
  return { from: word?.from ?? context.pos, options: anywhere, validFor: /^\w*$/ };
}
