/**
 * @file Writes a graph as TypeScript code that builds it with `Flow`. Nodes in a row under one path become one chain,
 * each chain one line; values that are read later have names. Paths that the builder would not give are renamed at the
 * end.
 */
import { match } from 'ts-pattern';
import { first, get, last } from '../access.ts';
import { Refusal } from '../errors.ts';
import {
  type Conv,
  type ConvTranspose,
  channelsOf,
  consumers,
  firstInput,
  type Graph,
  inputShape,
  inputShapes,
  isDepthwise,
  type Node,
  type Op,
  type OpOf,
  type Pair,
  type Shape,
  shapes,
} from '../graph/index.ts';

export interface SourceOptions {
  /** The function's name; `net` by default. */
  readonly name?: string;
  /** Where the builder is imported from; `moonlet` by default. */
  readonly from?: string;
}

/**
 * The source of a TypeScript module that exports one function, which makes the graph.
 *
 * @throws MoonletError for several inputs, Refusal for a node that the builder leaves out.
 */
export function toSource(graph: Graph, { name = 'net', from = 'moonlet' }: SourceOptions = {}): string {
  inputShape(graph);
  const { given, renamed } = pathsOf(graph);
  const words = wordsOf(graph);
  const variable = names(graph, name);
  const shapeById = shapes(graph);
  const lines = chainsOf(graph).map((chain) => {
    const [begin, end] = [first(chain), last(chain)];
    if (begin.op.kind === 'input')
      return `const ${variable(begin.id)} = input(${begin.op.shape.join(', ')});`;
    const call = (node: Node): string =>
      callOf(
        node,
        inputShapes(node, shapeById),
        node.inputs.slice(1).map(variable),
        node.weightsOf === undefined ? undefined : get(given, node.weightsOf),
      );
    const source = variable(firstInput(begin));
    const path = pathOf(begin);
    const calls = chain.map(call);
    const head = `const ${variable(end.id)} = ${source}`;
    return path
      ? wrapped(`${head}.pipe(${quoted(path)}, (x) =>`, 'x', calls, ');')
      : wrapped(`${head}`, '', calls, ';');
  });
  const built = `graph(${quoted(graph.name)}, ${graph.outputs.map(variable).join(', ')})`;
  const made = graph.integers ? `{ ...${built}, integers: '${graph.integers}' }` : built;
  const rows = [...renamed].map(([a, b]) => `    [${quoted(a)}, ${quoted(b)}],`);
  const result = renamed.size
    ? ['return rename(', `    ${made},`, '    new Map([', ...rows.map((r) => `  ${r}`), '    ]),', '  );']
    : [`return ${made};`];
  return [
    `import { ${['type Graph', 'graph', 'input', ...(renamed.size ? ['rename'] : [])].join(', ')} } from ${quoted(from)};`,
    '',
    `/** ${words} */`,
    `export const ${name} = (): Graph => {`,
    ...lines.map((l) => `  ${l}`),
    `  ${result.join('\n')}`,
    '};',
    '',
  ].join('\n');
}

const quoted = (s: string): string =>
  `'${s.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`;
const pathOf = ({ id }: Node): string => id.split('/').slice(0, -1).join('/');
const wordsOf = ({ name, nodes }: Graph): string => `${name.replaceAll('*/', '* /')}: ${nodes.length} nodes.`;

/** The path that the builder gives each node, and the renaming that makes ours of them. */
function pathsOf(graph: Graph): {
  readonly given: ReadonlyMap<string, string>;
  readonly renamed: ReadonlyMap<string, string>;
} {
  const used = new Map<string, number>();
  const given = new Map<string, string>();
  const renamed = new Map<string, string>();
  for (const node of graph.nodes) {
    const path = pathOf(node);
    const base = node.op.kind === 'input' || !path ? node.op.kind : `${path}/${node.op.kind}`;
    const count = (used.get(base) ?? 0) + 1;
    used.set(base, count);
    const id = count > 1 ? `${base}_${count}` : base;
    given.set(node.id, id);
    if (id !== node.id) renamed.set(id, node.id);
  }
  return { given, renamed };
}

/** Runs of nodes in order under one path, of which each alone reads the one before, as its first input. */
function chainsOf(graph: Graph): readonly (readonly Node[])[] {
  const readers = consumers(graph);
  const chains: Node[][] = [];
  for (const node of graph.nodes) {
    const chain = chains.at(-1);
    const last = chain?.at(-1);
    const follows =
      chain &&
      last &&
      last.op.kind !== 'input' &&
      node.inputs[0] === last.id &&
      !node.inputs.slice(1).includes(last.id) &&
      readers.get(last.id)?.length === 1 &&
      !graph.outputs.includes(last.id) &&
      pathOf(node) === pathOf(last);
    if (follows) chain.push(node);
    else chains.push([node]);
  }
  return chains;
}

/** Names of values: their paths as words, told apart by numbers. */
function names(graph: Graph, fn: string): (id: string) => string {
  const taken = new Set(['graph', 'input', 'rename', 'x', fn]);
  const byId = new Map<string, string>();
  for (const { id } of graph.nodes) {
    const words = id.split(/[^A-Za-z0-9]+/).filter(Boolean);
    const base = words.map((w, i) => (i ? `${w.charAt(0).toUpperCase()}${w.slice(1)}` : w)).join('');
    const plain = /^[A-Za-z]/.test(base) ? base : `v${base}`;
    let name = plain === 'input' ? 'image' : plain;
    for (let n = 2; taken.has(name) || reserved.has(name); n++) name = `${plain}_${n}`;
    taken.add(name);
    byId.set(id, name);
  }
  return (id) => get(byId, id);
}
const reserved = new Set(
  'break case catch class const continue debugger default delete do else enum export extends false finally for function if import in instanceof new null return super switch this throw true try typeof var void while with yield let static await'.split(
    ' ',
  ),
);

/** Calls on one line when they fit, else each on its own. */
function wrapped(head: string, subject: string, calls: readonly string[], end: string): string {
  const one = `${head}${subject ? ' ' : ''}${subject}${calls.join('')}${end}`;
  if (one.length <= 106) return one;
  const rows = calls.map((c) => `\n      ${c}`).join('');
  return subject
    ? `${head}\n    ${subject}${rows},\n  ${end}`
    : `${head}${calls.map((c) => `\n    ${c}`).join('')}${end}`;
}

const size = ([h, w]: Pair): string => (h === w ? `${h}` : `[${h}, ${w}]`);
type Options = readonly (readonly [name: string, value: string, usual: boolean])[];
const options = (all: Options): string => {
  const unusual = all.filter(([, , usual]) => !usual).map(([name, value]) => `${name}: ${value}`);
  return unusual.length ? `{ ${unusual.join(', ')} }` : '';
};
const call = (name: string, ...args: readonly string[]): string =>
  `.${name}(${args.filter(Boolean).join(', ')})`;
const ones = (pair: Pair): boolean => pair.every((n) => n === 1);
const padding = (p: unknown): readonly [string, string, boolean] => [
  'padding',
  typeof p === 'string' ? quoted(p) : JSON.stringify(p).replaceAll(',', ', '),
  p === 'same',
];

/** A conv as `conv` or `depthwise`; `share` is the option `weightsOf`. */
function convCall(o: Conv | ConvTranspose, channels: number, share: Options[number]): string {
  const common = [
    ['stride', size(o.stride), ones(o.stride)],
    ['dilation', size(o.dilation), ones(o.dilation)],
    padding(o.padding),
    ['bias', 'true', !o.bias],
    ...(o.kind === 'convTranspose'
      ? ([['outputPadding', size(o.outputPadding), Math.max(...o.outputPadding) === 0]] as const)
      : []),
    share,
  ] as const;
  const is = (k: number): boolean => o.kernel[0] === k && o.kernel[1] === k;
  if (o.kind === 'conv' && isDepthwise(o, channels))
    return call(
      'depthwise',
      options([
        ['kernel', size(o.kernel), is(3)],
        ['multiplier', `${o.out / channels}`, o.out === channels],
        ...common,
      ]),
    );
  return call(
    o.kind,
    `${o.out}`,
    options([['kernel', size(o.kernel), is(1)], ['groups', `${o.groups}`, o.groups === 1], ...common]),
  );
}

function attentionCall(o: OpOf<'attention'>, others: readonly string[], share: Options[number]): string {
  return call(
    'attention',
    ...others,
    options([
      ['heads', `${o.heads}`, false],
      ['form', quoted(o.form), o.form === 'softmax'],
      ['scale', `${o.scale}`, o.form !== 'softmax'],
      ['eps', `${o.eps}`, o.form === 'softmax' || o.form === 'separable'],
      ['bias', 'true', !o.bias],
      ['talking', 'true', !o.talking],
      ['windows', size(o.size), o.within !== 'windows'],
      ['grid', size(o.size), o.within !== 'grid'],
      share,
    ]),
  );
}

/** Norms over channels and scales of them. */
function normCall(
  o: OpOf<'layerNorm' | 'groupNorm' | 'responseNorm' | 'scale'>,
  share: Options[number],
): string {
  if (o.kind === 'scale')
    return call('scale', options([['initial', `${o.initial}`, o.initial === 1], share]));
  const eps = ['eps', `${o.eps}`, o.eps === 1e-6] as const;
  if (o.kind === 'responseNorm') return call('responseNorm', options([eps, share]));
  const affine = [
    ['scale', 'false', o.scale],
    ['offset', 'false', o.offset],
  ] as const;
  if (o.kind === 'groupNorm') {
    const more = [['eps', `${o.eps}`, o.eps === 1e-5], ...affine, share] as const;
    return call('groupNorm', `${o.groups}`, options(more));
  }
  return call('layerNorm', options([eps, ...affine, share]));
}

/** A node as the builder's method. */
function callOf(
  node: Node,
  ins: readonly Shape[],
  others: readonly string[],
  owner: string | undefined,
): string {
  const share = ['weightsOf', quoted(owner ?? ''), owner === undefined] as const;
  const refuse = (what: string): never => {
    throw new Refusal(`${node.id}: the builder has no word for ${what}`);
  };
  return match<Op, string>(node.op)
    .with({ kind: 'input' }, () => refuse('an input in the middle'))
    .with({ kind: 'conv' }, { kind: 'convTranspose' }, (o) => convCall(o, channelsOf(first(ins)), share))
    .with({ kind: 'dense' }, (o) => call('dense', `${o.out}`, options([['bias', 'false', o.bias], share])))
    .with({ kind: 'norm' }, (o) =>
      call(
        'norm',
        options([
          ['eps', `${o.eps}`, o.eps === 1e-5],
          ['momentum', `${o.momentum}`, o.momentum === 0.9],
          ['scale', 'false', o.scale],
          ['offset', 'false', o.offset],
          share,
        ]),
      ),
    )
    .with({ kind: 'layerNorm' }, { kind: 'groupNorm' }, (o) => normCall(o, share))
    .with({ kind: 'responseNorm' }, { kind: 'scale' }, (o) => normCall(o, share))
    .with({ kind: 'pad' }, ({ pads }) => call('pad', `[${pads.join(', ')}]`))
    .with({ kind: 'act' }, ({ fn }) => (fn === 'relu' ? call('relu') : call('act', quoted(fn))))
    .with({ kind: 'pool' }, (o) =>
      call(
        `${o.fn}Pool`,
        options([
          ['size', size(o.size), false],
          ['stride', size(o.stride), o.stride[0] === o.size[0] && o.stride[1] === o.size[1]],
          padding(o.padding),
        ]),
      ),
    )
    .with({ kind: 'globalPool' }, ({ fn }) => call('globalPool', fn === 'avg' ? '' : quoted(fn)))
    .with({ kind: 'positions' }, (o) =>
      call(
        'positions',
        options([
          ['features', `${o.features}`, o.features === 64],
          ['temperature', `${o.temperature}`, o.temperature === 10000],
          share,
        ]),
      ),
    )
    .with({ kind: 'attention' }, (o) => attentionCall(o, others, share))
    .with({ kind: 'add' }, { kind: 'mul' }, { kind: 'concat' }, ({ kind }) => call(kind, ...others))
    .with({ kind: 'slice' }, ({ from, to }) => call('slice', `${from}`, `${to}`))
    .with({ kind: 'shuffle' }, ({ groups }) => call('shuffle', `${groups}`))
    .with({ kind: 'permute' }, ({ order }) => call('permute', `[${order.join(', ')}]`))
    .with({ kind: 'flatten' }, () => call('flatten'))
    .with({ kind: 'maxout' }, ({ pieces }) => call('maxout', `${pieces}`))
    .with({ kind: 'shift' }, ({ kernel }) => call('shift', kernel === 3 ? '' : `${kernel}`))
    .with({ kind: 'pixelShuffle' }, ({ factor }) => call('pixelShuffle', `${factor}`))
    .with({ kind: 'resize' }, (o) =>
      call(
        'resize',
        size(o.size),
        options([
          ['fn', quoted(o.fn), o.fn === 'bilinear'],
          ['align', quoted(o.align), o.align === (o.fn === 'nearest' ? 'edges' : 'centres')],
        ]),
      ),
    )
    .with({ kind: 'upsample' }, ({ factor, fn }) =>
      call('upsample', `${factor}`, fn === 'nearest' ? '' : quoted(fn)),
    )
    .with({ kind: 'quantize' }, ({ scale, zero, bits, signed }) =>
      call(
        'quantize',
        options([
          ['scale', `${scale}`, false],
          ['zero', `${zero}`, false],
          ['bits', `${bits}`, false],
          ['signed', `${signed}`, false],
        ]),
      ),
    )
    .with({ kind: 'dropout' }, { kind: 'dropPath' }, ({ kind, rate }) =>
      rate === 0 ? refuse(`a ${kind} of rate 0, which does nothing; leave it out`) : call(kind, `${rate}`),
    )
    .exhaustive();
}
