/**
 * @file Breaks each rule of growth in turn, in a copy of the tree, and expects its tests to notice: a rule that can be
 * broken unseen is a rule without a test. `--only WORD` takes the mutants whose name has it.
 *
 *   npm run experiment -- mutate-growth
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { withWord } from '../lib/known.ts';

interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly search: string;
  readonly replace: string;
}
const mutant = (file: string, name: string, search: string, replace: string): Mutant => ({
  name,
  file: `src/${file}.ts`,
  search,
  replace,
});
const [
  replicate,
  layers,
  elementwise,
  moves,
  channels,
  copies,
  copyChannels,
  mapWeight,
  own,
  insert,
  enlarge,
  follow,
  narrow,
  units,
  connect,
  merge,
] = [
  'edit/channels/replicate',
  'edit/channels/rules/layers',
  'edit/channels/rules/elementwise',
  'edit/channels/rules/moves',
  'graph/channels',
  'edit/channels/copies',
  'edit/channels/copy-channels',
  'edit/channels/map-weight',
  'edit/grow/repeat-block',
  'edit/grow/insert',
  'edit/grow/enlarge',
  'edit/channels/moments',
  'edit/channels/narrow',
  'edit/grow/add-units',
  'edit/grow/connect',
  'edit/channels/merge',
] as const;

const mutants: readonly Mutant[] = [
  mutant(moves, 'concat without offset', 'isNew(from) ? from : from + offset', 'from'),
  mutant(
    moves,
    'slice begins where it did',
    'const first = Math.max(0, owners(y.map).findIndex(inside));',
    'const first = from;',
  ),
  mutant(moves, 'slice keeps old numbers', 'isNew(old) ? old : old - from', 'old'),
  mutant(moves, 'slice of channels that lie apart', 'contiguous(owners(x.map), inside) ? x :', 'true ? x :'),
  mutant(moves, 'shuffle as if it moved nothing', 'gathered(moved, reads)', 'x.map'),
  mutant(moves, 'permute keeps its map', '.map(() => j))', '.map(() => from))'),
  mutant(
    layers,
    'depthwise outputs follow no input',
    'const group = Math.floor(read[Math.floor(j / makes) * reads]! / reads);',
    'const group = Math.floor(j / makes) % op.groups;',
  ),
  mutant(
    moves,
    'flatten channel by channel',
    'for (let p = 0; p < places; p++) for (const old of x.map) map.push',
    'for (const old of x.map) for (let p = 0; p < places; p++) map.push',
  ),
  mutant(moves, 'maxout pieces apart', 'inOrder(x, inBlocks(x.map, op.pieces))', 'x'),
  mutant(moves, 'shift wherever a channel stands', 'byTap.get(shiftTap(i, now, kernel))?.shift()', 'map[i]'),
  mutant(elementwise, 'operands of a sum in their own orders', 'ins.map((y) => inOrder(y, x.map))', 'ins'),
  mutant(replicate, 'shared weights in their own order', 'return [inOrder(x, shared, id)];', 'return given;'),
  mutant(
    layers,
    'groups of a conv mixed',
    'every((g, i) => i === 0 || g >= (groups[i - 1] ?? 0)) ? map : sorted(map)',
    'every(() => true) ? map : map',
  ),
  mutant(
    layers,
    'outputs of a grouped conv across groups',
    'classes.slice(from, from + makes)',
    'classes.slice(0, makes)',
  ),
  mutant(replicate, 'whole groups as if within', 'whole: all.whole.has(id),', 'whole: false,'),
  mutant(
    channels,
    'operands of a sum not united',
    'for (const other of ins.slice(1)) uniteAll(x, other, sets);',
    '',
  ),
  mutant(
    channels,
    'outputs not frozen',
    'for (const id of graph.outputs) analysis.frozen.push',
    'for (const id of [] as string[]) analysis.frozen.push',
  ),
  mutant(channels, 'shared weights not united', 'uniteAll(x, get(readBy, node.weightsOf), sets);', ''),
  mutant(channels, 'softmax not frozen', "if (fn === 'softmax')", 'if (fn === undefined)'),
  mutant(
    channels,
    'pieces of a maxout not united',
    'for (const [i, id] of x.entries()) sets.unite(id, x[i - (i % pieces)]!);',
    '',
  ),
  mutant(
    channels,
    'shuffle the other way',
    '(j % groups) * (channelCount / groups) + Math.floor(j / groups)',
    '(j % (channelCount / groups)) * groups + Math.floor(j / (channelCount / groups))',
  ),
  mutant(
    channels,
    'groups need not stay equal',
    'for (const classes of [x, out])',
    'for (const classes of [] as Int32Array[])',
  ),
  mutant(channels, 'depthwise channels swapped', 'x[Math.floor((j * c) / op.out)]!', 'x[j % c]!'),
  mutant(
    mapWeight,
    'shares do not sum to one',
    'rest = Math.fround(rest - part);',
    'rest = Math.fround(rest - part * 0.99);',
  ),
  mutant(
    mapWeight,
    'consumers do not split',
    'if (sharing && groups.now === groups.old && input)',
    'if (sharing && groups.now < 0 && input)',
  ),
  mutant(
    mapWeight,
    'shares across groups',
    'input ? within(input[group * newIn + i]!, oldIn) : i,',
    'input ? within(input[i]!, oldIn) : i,',
  ),
  mutant(mapWeight, 'norms and biases not gathered', ': data[from]!)', ': data[i % data.length]!)'),
  mutant(
    mapWeight,
    'equal shares without division',
    "if (kind === 'equal') kernel[place] = rest / m;",
    "if (kind === 'equal') kernel[place] = rest;",
  ),
  mutant(
    mapWeight,
    'copies split alike',
    'const parts = order.map(() => 0.5 + 0.45 * source.uniform());',
    'const parts = order.map((_, k) => 1 / (m - k));',
  ),
  mutant(
    copyChannels,
    'frozen classes copied',
    'const reason = count === 1 ? undefined : all.frozen.get(id);',
    'const reason = undefined;',
  ),
  mutant(copies, 'unequal groups let through', 'if (totals.every(', 'if (totals.length || totals.every('),
  mutant(
    insert,
    'no zeros at the end',
    "if (isZero.has(node) && slot !== 'mean'",
    "if (isZero.has('') && slot !== 'mean'",
  ),
  mutant(insert, 'gamma of a dirac without eps', 'Math.sqrt(1 + op.eps)', '1'),
  mutant(
    insert,
    'a dirac beside the centre',
    '((kh - 1) >> 1) * kw + ((kw - 1) >> 1)',
    '((kh + 1) >> 1) * kw + ((kw - 1) >> 1)',
  ),
  mutant(
    own,
    'any activation taken for idempotent',
    "const idempotent: readonly Activation[] = ['relu', 'relu6'];",
    "const idempotent: readonly Activation[] = ['relu', 'relu6', 'swish', 'hardSwish', 'tanh', 'sigmoid', 'gelu'];",
  ),
  mutant(
    insert,
    'all weights zero, so that nothing learns',
    "if (isZero.has(node) && slot !== 'mean'",
    "if (slot !== 'mean'",
  ),
  mutant(
    enlarge,
    'the old kernel in a corner',
    'data.subarray(from, from + depth), ((y + down) * size + x + right) * depth',
    'data.subarray(from, from + depth), (y * size + x) * depth',
  ),
  mutant(enlarge, 'padding as it was', 'pads.top + down * op.dilation[0],', 'pads.top,'),
  mutant(mapWeight, 'new channels weighed', 'else if (!isNew(row))', 'else if (true)'),
  mutant(own, 'a shuffle unit as if it kept the order', '(m, { op }) => movedBy(op, m)', '(m) => m'),
  mutant(own, 'a unit without zeros', '({ zero }) => zero ?? []', '({ zero }) => (zero ? [] : [])'),
  mutant(
    follow,
    'gradients not shared',
    "if (as === 'gradient') return v * share;",
    "if (as === 'gradient') return v;",
  ),
  mutant(follow, 'squares without their parts', '(parts * share) ** 2', 'share ** 2'),
  mutant(
    narrow,
    'parts not summed',
    'reduce((sum, v) => Math.fround(sum + v), 0)',
    'reduce((_sum, v) => v, 0)',
  ),
  mutant(units, 'new units taken for copies', '(added.has(units[i]!) ? -1 : from)', 'from'),
  mutant(units, 'new filters at any scale', 'drawn[at] = norm ? (v * mean) / norm : 0;', 'drawn[at] = v;'),
  mutant(units, 'new scales of zero', 'else drawn.fill(usual(net, node, slot));', 'else drawn.fill(0);'),
  mutant(units, 'variance of new units without their mean', ' + (means?.[i] ?? 0) ** 2', ''),
  mutant(units, 'old units hear the new ones at once', "into === 'random' && map.input", 'map.input'),
  mutant(connect, 'a skip that is not zero', '/mix`], diracs', '/mix`].slice(1), diracs'),
  mutant(
    connect,
    'what is concatenated taken for old',
    'new Array<number>(more).fill(-1)',
    'new Array<number>(more).fill(0)',
  ),
  mutant(
    connect,
    'a value led backwards',
    'if (graph.nodes.indexOf(source) >= graph.nodes.indexOf(place))',
    'if (graph.nodes.indexOf(source) < 0)',
  ),
  mutant(
    replicate,
    'one of two that share weights reads more',
    'if (!same(sorted(x.map), sorted(shared)))',
    'if (!shared)',
  ),
  mutant(merge, 'copies dropped unsummed', '= summed(parts);', '= parts[0] as number;'),
  mutant(
    merge,
    'copies of other groups merged',
    'if (!read || !seesGroups(',
    'if (!read || true || !seesGroups(',
  ),
  mutant(enlarge, 'rings that forget dilation', 'pads.left + right * op.dilation[1],', 'pads.left + right,'),
];

const root = resolve('.');
const tests = [
  'growth-shapes',
  'growth-names',
  'own-block.slow',
  'growth-steps.slow',
  'narrow.slow',
  'follow.slow',
  'growth',
  'units.slow',
].map((t) => `test/edit/${t}.test.ts`);
const only = process.argv.indexOf('--only');
const word = only > 0 ? (process.argv[only + 1] ?? '') : '';
const chosen = withWord(mutants, (m) => m.name, word, 'change');

const folder = mkdtempSync(join(tmpdir(), 'moonlet-mutants-'));
for (const part of ['src', 'zoo', 'test', 'package.json', 'tsconfig.json', '.mocharc.json'])
  cpSync(join(root, part), join(folder, part), { recursive: true });
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));

/** The first test that fails in the copy, or nothing. */
function firstFailure(): string | undefined {
  for (const test of tests) {
    try {
      execFileSync(
        process.execPath,
        ['node_modules/mocha/bin/mocha.js', '--no-parallel', '--bail', '--reporter', 'json', test],
        { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 28 },
      );
    } catch (e) {
      const out = String((e as { stdout?: string }).stdout ?? '');
      const failed = /"failures": \[\s*\{\s*"title": "([^"]*)"/.exec(out);
      return failed?.[1] ?? `${test} does not run`;
    }
  }
  return undefined;
}

const survivors: string[] = [];
try {
  const broken = only > 0 ? undefined : firstFailure();
  if (broken) throw new Error(`without any mutant "${broken}" fails`);
  for (const { name, file, search, replace } of chosen) {
    const path = join(folder, file);
    const whole = readFileSync(path, 'utf8');
    if (whole.split(search).length !== 2) {
      survivors.push(`${name}: its text stands ${whole.split(search).length - 1} times in ${file}`);
      console.log(`?  ${name}: not found`);
      continue;
    }
    writeFileSync(
      path,
      whole.replace(search, () => replace),
    );
    const failure = firstFailure();
    writeFileSync(path, whole);
    console.log(`${failure ? 'ok' : 'SURVIVES'}  ${name}${failure ? `: ${failure}` : ''}`);
    if (!failure) survivors.push(name);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${chosen.length - survivors.length} of ${chosen.length} mutants found`);
for (const s of survivors) console.error(`survives: ${s}`);
process.exitCode = survivors.length ? 1 : 0;
