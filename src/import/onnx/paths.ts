/**
 * @file Paths from what exporters write: the names of modules in node names (`/features/features.3/conv/conv.0/Conv`),
 * in the metadata of nodes (`pkg.torch.onnx.name_scopes`) or in the names of weights (`features.3.conv.0.weight`).
 */
import { UsageError } from '../../errors.ts';
import type { OnnxNode } from '../../onnx/index.ts';

const scopesKey = 'pkg.torch.onnx.name_scopes';
const longest = 120;

/** Letters, digits, `_` and `-`; dots and other separators begin a new part. */
function cleaned(text: string): string {
  const parts = text
    .split(/[/.:]+/)
    .map((part) => part.replace(/[^A-Za-z0-9_-]/g, '_').replace(/^_+|_+$/g, ''))
    .filter((part) => part !== '');
  return parts.join('/').slice(0, longest).replace(/\/$/, '');
}

/** `features/features.3/features.3.conv` -> `features/3/conv`: torch repeats the names of containers. */
function scopesJoined(scopes: readonly string[]): string {
  const parts: string[] = [];
  let before = '';
  for (const scope of scopes) {
    parts.push(before !== '' && scope.startsWith(`${before}.`) ? scope.slice(before.length + 1) : scope);
    before = scope;
  }
  return cleaned(parts.join('/'));
}

/** The module that the dynamo exporter of PyTorch notes for a node; the last scope is the op itself. */
function fromMetadata({ metadata }: OnnxNode): string | undefined {
  const text = metadata?.[scopesKey];
  if (text === undefined) return undefined;
  const scopes = [...text.matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, a, b]) => a ?? b ?? '');
  const module = scopes.slice(0, -1).findLast((scope) => scope !== '');
  return module === undefined ? undefined : cleaned(module);
}

/** The module whose weight this is, where its name says so. */
function fromWeight(name: string | undefined): string | undefined {
  const match = /^(?!onnx::)(.+)[./](weight|kernel|gamma|weight_quantized|weight_orig)$/.exec(name ?? '');
  return match?.[1] === undefined ? undefined : cleaned(match[1]);
}

/** Ops that are whole modules; others are a part of one. */
const modules =
  /^(Conv|Gemm|MatMul|BatchNormalization|Relu|Clip|Sigmoid|HardSwish|HardSigmoid|MaxPool|AveragePool|GlobalAveragePool|Softmax|PRelu|LeakyRelu|Gelu|Tanh)$/;
const layers = /^(Conv|Gemm|MatMul|BatchNormalization)$/;

/** Ops that only move values. */
const moves = /^(Split|Slice|Gather|Reshape|Transpose|Squeeze|Unsqueeze|Identity)$/;

/**
 * The module of each node. The dynamo exporter of PyTorch notes none for nodes that its optimizer makes, such as Split in place
 * of two slices; they belong to the module whose value they move.
 */
export function modulesOf(
  nodes: readonly OnnxNode[],
  weights: ReadonlySet<string>,
): ReadonlyMap<OnnxNode, string | undefined> {
  const isNoted = nodes.some(({ metadata }) => metadata?.[scopesKey] !== undefined);
  const makers = new Map<string, string | undefined>();
  return new Map(
    nodes.map((node) => {
      const weight = node.inputs.find((name) => weights.has(name));
      const moved = isNoted && moves.test(node.opType) ? makers.get(node.inputs[0] ?? '') : undefined;
      const module = moduleOf(node, weight) ?? moved;
      for (const name of node.outputs) makers.set(name, module);
      return [node, module] as const;
    }),
  );
}

/** The module that a node belongs to, as a path: of its weight, its metadata, or its name. */
function moduleOf(node: OnnxNode, weight: string | undefined): string | undefined {
  const known = (layers.test(node.opType) ? fromWeight(weight) : undefined) ?? fromMetadata(node);
  if (known !== undefined) return known;
  const name = node.name ?? '';
  if (!/^\/.*\//.test(name)) return undefined;
  return scopesJoined(
    name
      .split('/')
      .filter((scope) => scope !== '')
      .slice(0, -1),
  );
}

/** The paths that have others under them. */
export function containersOf(paths: readonly (string | undefined)[]): ReadonlySet<string> {
  const containers = new Set<string>();
  for (const path of paths)
    for (let at = path?.indexOf('/') ?? -1; at > 0; at = path?.indexOf('/', at + 1) ?? -1)
      containers.add(path?.slice(0, at) ?? '');
  return containers;
}

/** The path that a node asks for; not yet unique. */
export function wantedPath(
  node: OnnxNode,
  module: string | undefined,
  containers: ReadonlySet<string>,
): string {
  const own = cleaned(node.opType.charAt(0).toLowerCase() + node.opType.slice(1));
  if (!module) return cleaned(node.name ?? '') || own || 'node';
  return modules.test(node.opType) && !containers.has(module) ? module : `${module}/${own}`;
}

/** The path of a node that `toOnnx` wrote: the part of its name before a colon. Older files have numbers. */
export const ownPath = ({ name }: OnnxNode): string | undefined =>
  name === undefined || /^[#/]/.test(name) ? undefined : name.split(':')[0];
const valid = /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/;

/** Gives each wanted path once: `relu`, `relu_1`, `relu_2`. Those of our own files stay as they are. */
export function uniquePaths(isOwn = false): (wanted: string) => string {
  const used = new Map<string, number>();
  return (wanted) => {
    const base = isOwn && valid.test(wanted) ? wanted : cleaned(wanted) || 'node';
    let count = used.get(base) ?? 0;
    let path = count ? `${base}_${count}` : base;
    while (used.has(path)) path = `${base}_${++count}`;
    used.set(base, count + 1);
    if (path !== base) used.set(path, 1);
    return path;
  };
}

/**
 * Names stages by a pattern such as `layer*` or `features/*`: each beginning of a path that matches is a stage, in the
 * order of the nodes, and is called stage1, stage2, ...
 *
 * @returns the new path of each node that is in a stage.
 * @throws UsageError when no path matches.
 */
export function stagesBy(pattern: string, ids: readonly string[]): ReadonlyMap<string, string> {
  const parts = pattern.split('/').filter((part) => part !== '');
  const tests = parts.map(
    (part) =>
      new RegExp(
        `^${part
          .split('*')
          .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
          .join('.*')}$`,
      ),
  );
  const names = new Map<string, string>();
  const taken = new Set(ids);
  const renamed = new Map<string, string>();
  for (const id of ids) {
    const own = id.split('/');
    const prefix = own.slice(0, tests.length);
    if (
      !tests.length ||
      prefix.length < tests.length ||
      !tests.every((test, i) => test.test(prefix[i] ?? ''))
    )
      continue;
    const key = prefix.join('/');
    const stage = names.get(key) ?? `stage${names.size + 1}`;
    names.set(key, stage);
    const rest = own.slice(tests.length).join('/') || 'out';
    let to = `${stage}/${rest}`;
    for (let i = 1; taken.has(to) && to !== id; i++) to = `${stage}/${rest}_${i}`;
    taken.add(to);
    renamed.set(id, to);
  }
  if (!names.size)
    throw new UsageError(
      `stages "${pattern}": no path begins so; paths are, for example, ${ids
        .slice(1, 60)
        .filter((_, i) => i % 15 === 0)
        .join(', ')}`,
    );
  return renamed;
}
