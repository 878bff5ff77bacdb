/** @file Reads ONNX models of other libraries as nets: every graph of ops that have a counterpart, whatever its layout. */
import { cut, MoonletError, quote, suggestion, UsageError } from '../../errors.ts';
import { rename, type Shape } from '../../graph/index.ts';
import {
  decodeModel,
  type ExternalFile,
  type OnnxModel,
  type OnnxNode,
  type OnnxValue,
} from '../../onnx/index.ts';
import { net as checkedNet, type Net, splitKey, type Weight, type WeightKey } from '../../weights/index.ts';
import { Call, nodeName, printNode, Unreadable, type Value } from './call.ts';
import { constantOf } from './constant.ts';
import { Draft } from './draft.ts';
import { finish } from './finish.ts';
import { folds } from './fold.ts';
import { type Layout, layoutOf } from './input.ts';
import { Integers } from './integers.ts';
import { settled } from './layout.ts';
import { opReaders } from './ops/table.ts';
import { type OnnxEnd, outputOf } from './output.ts';
import { containersOf, modulesOf, ownPath, stagesBy, uniquePaths, wantedPath } from './paths.ts';
import { anyBatch, axesOf } from './view.ts';

export type { OnnxEnd } from './output.ts';

export interface FromOnnxOptions {
  /** The name of the graph; that of the model by default. */
  readonly name?: string;
  /** Height and width of the input, where the model leaves them open. */
  readonly size?: readonly [height: number, width: number];
  /** The axes of inputs that are maps; by default what the first layers say. */
  readonly layout?: Layout;
  /** Takes the part before this node: the values that it reads become the outputs. The name of a value makes that value the output. */
  readonly until?: string;
  /** Names stages by the beginnings of paths, such as `layer*` or `features/*`. */
  readonly stages?: string;
  /** Gives the bytes of a file in the folder of the model, where large models keep their weights. */
  readonly external?: ExternalFile;
  /** The weights may keep the bytes, which must not change afterwards: half of the memory. By default they are copied. */
  readonly shared?: boolean;
}

export interface OnnxReport {
  readonly producer: string;
  readonly opset: number;
  /** Each input and output of the file, the node that it became, and the order of its axes, such as `nchw`. */
  readonly inputs: readonly OnnxEnd[];
  readonly outputs: readonly OnnxEnd[];
  /** The initializer of each weight that is one unchanged, up to the order of its axes. */
  readonly tensors: ReadonlyMap<WeightKey, string>;
}
export interface OnnxNet extends Net {
  readonly report: OnnxReport;
}

/** Operator sets that are read. */
const opsets = { least: 7, most: 28 } as const;

/**
 * The net of an ONNX model. Values are channels last, as everywhere here; the net computes what the model computes.
 *
 * Ops without a counterpart are composed of ours where that is exact (padding, LeakyRelu, Clip, constants by channel, ...);
 * see docs/import.md.
 *
 * @param model the bytes of an .onnx file, or a model that was decoded.
 * @throws MoonletError when the bytes are damaged, or an op has no counterpart: the error names the node, and `until` takes
 * the part before it.
 * @throws UsageError for wrong options.
 * @example
 * import { fromOnnx } from 'moonlet/import';
 * import { toOnnx } from 'moonlet/export';
 * import { init } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const bytes = toOnnx(init(wrn())); // in place of the bytes of a file
 * const net = fromOnnx(bytes);
 * console.log(net.report.outputs.length); // 1
 */
export function fromOnnx(model: Uint8Array | OnnxModel, o: FromOnnxOptions = {}): OnnxNet {
  const decoded = model instanceof Uint8Array ? decodeModel(model, o) : model;
  const opset = decoded.opset ?? 0;
  if (opset < opsets.least || opset > opsets.most)
    throw new MoonletError(
      `onnx model: operator set ${opset}; ${opsets.least} to ${opsets.most} are read, convert it with onnx.version_converter`,
    );
  const wanted = wantedValues(decoded, o.until);
  const isOwn = decoded.producer === 'moonlet';
  const draft = new Draft(uniquePaths(isOwn));
  const values = new Map<string, Value>(
    decoded.initializers.map((tensor) => [tensor.name, constantOf(tensor)]),
  );
  const inputs = readInputs(decoded, draft, values, o);
  const integers = new Integers(decoded.inputs);
  readNodes(decoded, isOwn, { opset, draft, values, integers, needed: neededBy(decoded.nodes, wanted) });
  const outputs = wanted.flatMap((name): OnnxEnd[] => {
    const value = values.get(name);
    if (!value)
      throw new MoonletError(`onnx model: no node makes the output ${quote(name)}; the file is damaged`);
    if (value.kind !== 'live') return [];
    integers.checkOutput(name);
    return [outputOf(draft, name, value)];
  });
  if (!outputs.length) throw new MoonletError('onnx model: no output depends on the input of the net');
  const title = o.name ?? (decoded.name || 'onnx');
  const finished = finish(
    title,
    draft.nodes,
    outputs.map(({ node }) => node),
    uniquePaths(isOwn),
  );
  const { net, to, tensors } = staged(finished.net, finished.tensors, o.stages);
  const placed = (id: string): string => to.get(id) ?? id;
  const ends = outputs.map((end, i) => ({ ...end, node: placed(finished.outputs[i] ?? end.node) }));
  const inEnds = inputs.map((end) => ({ ...end, node: placed(finished.to.get(end.node) ?? end.node) }));
  return {
    ...net,
    report: { producer: decoded.producer ?? '', opset, inputs: inEnds, outputs: ends, tensors },
  };
}

/** The names of the values that become outputs. */
function wantedValues({ nodes, outputs }: OnnxModel, until: string | undefined): readonly string[] {
  if (until === undefined) return outputs.map(({ name }) => name);
  const node = nodes.find((n) => n.name === until);
  if (node) return [...new Set(node.inputs.filter((name) => name !== ''))];
  const made = nodes.flatMap((n) => n.outputs);
  if (made.includes(until)) return [until];
  const names = [...nodes.map(nodeName), ...made];
  throw new UsageError(`until: the model has no node or value ${quote(until)}.${suggestion(until, names)}`);
}

/** The nodes that the wanted values need, and the values that these nodes read. */
interface Needed {
  readonly nodes: ReadonlySet<OnnxNode>;
  readonly values: ReadonlySet<string>;
}
function neededBy(nodes: readonly OnnxNode[], wanted: readonly string[]): Needed {
  const live = new Set(wanted);
  const kept = new Set<OnnxNode>();
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => live.has(name))) continue;
    kept.add(node);
    for (const name of node.inputs) if (name !== '') live.add(name);
  }
  return { nodes: kept, values: live };
}

function readInputs(
  model: OnnxModel,
  draft: Draft,
  values: Map<string, Value>,
  o: FromOnnxOptions,
): readonly OnnxEnd[] {
  const inputs = model.inputs.filter(({ name }) => !values.has(name));
  return inputs.map((input) => {
    const axes = input.shape.length === 4 ? (o.layout ?? layoutOf(model, input)).toLowerCase() : 'nc';
    const { shape, batch } = inputShape(input, axes, o);
    const id = draft.emit(input.name || 'input', { kind: 'input', shape }, []);
    values.set(input.name, { kind: 'live', id, axes: axesOf(axes, batch, shape) });
    return { name: input.name, node: id, axes };
  });
}

function inputShape(
  { name, shape }: OnnxValue,
  axes: string,
  { size }: FromOnnxOptions,
): { shape: Shape; batch: number } {
  const what = `onnx input ${quote(name)} of shape ${cut(`[${shape.join(', ')}]`)}`;
  if (shape.length !== 2 && shape.length !== 4)
    throw new MoonletError(
      `${what}: has ${shape.length} axes; maps with 4 and vectors with 2 are read, the batch first`,
    );
  const known = (letter: string): number | undefined => {
    const dim = shape[axes.indexOf(letter)];
    return typeof dim === 'number' && dim > 0 ? dim : undefined;
  };
  const batch = known('n') ?? anyBatch;
  const c = known('c');
  if (c === undefined)
    throw new MoonletError(`${what}: the model leaves its channels open; export it with a fixed number`);
  if (axes === 'nc') return { shape: [c], batch };
  const [h, w] = [known('h') ?? size?.[0], known('w') ?? size?.[1]];
  if (h === undefined || w === undefined)
    throw new MoonletError(
      `${what}: the model leaves height and width open; give them with size: [224, 224] (--size 224)`,
    );
  return { shape: [h, w, c], batch };
}

interface Reading {
  readonly opset: number;
  readonly draft: Draft;
  readonly values: Map<string, Value>;
  readonly integers: Integers;
  readonly needed: Needed;
}
function readNodes(
  model: OnnxModel,
  isOwn: boolean,
  { opset, draft, values, integers, needed }: Reading,
): void {
  const names = new Set(model.initializers.map(({ name }) => name));
  const modules = modulesOf(model.nodes, names);
  const containers = containersOf([...modules.values()]);
  for (const node of model.nodes) {
    if (!needed.nodes.has(node)) continue;
    try {
      const inputs = node.inputs.map((name) =>
        name === '' ? undefined : (values.get(name) ?? missing(name)),
      );
      const own = isOwn ? ownPath(node) : undefined;
      const path = own ?? wantedPath(node, modules.get(node), containers);
      const call = new Call({ node, draft, opset, path, inputs });
      const read = readerOf(node, inputs)(call);
      // the last node of one of ours has its path; see toOnnx
      const made = read.map((value) =>
        own !== undefined && own === node.name && value.kind === 'live' ? settled(call, value) : value,
      );
      integers.checkNode(call);
      for (const [i, name] of node.outputs.entries()) {
        const value = made[i];
        if (values.has(name)) call.fail(`makes ${quote(name)} a second time; the file is damaged`);
        if (value && name !== '') values.set(name, value);
        else if (needed.values.has(name)) unmade(call, name, i);
      }
    } catch (e) {
      throw e instanceof MoonletError ? explained(node, e) : e;
    }
  }
}
/** A second output that only few ops have, such as the mask of Dropout and the indices of MaxPool. */
function unmade(call: Call, name: string, index: number): never {
  const { opType } = call.node;
  const what = opType === 'Dropout' ? ' (the mask)' : opType === 'MaxPool' ? ' (the indices)' : '';
  return call.fail(`its output ${index}${what}, ${quote(name)}, has no counterpart`);
}
const missing = (name: string): never => {
  throw new Unreadable(`reads ${quote(name)}, which nothing before it makes; the file is damaged`);
};

function readerOf(node: OnnxNode, inputs: readonly (Value | undefined)[]): (call: Call) => readonly Value[] {
  const isOwn = node.domain === undefined || node.domain === '' || node.domain === 'ai.onnx';
  const isConstant = inputs.every((value) => value?.kind !== 'live');
  const fold = isConstant && isOwn ? folds.get(node.opType) : undefined;
  const reader = fold ?? (isOwn ? opReaders.get(node.opType) : undefined);
  return reader ?? ((call) => call.fail('has no counterpart here'));
}

/** An error with its node and what to do. */
const explained = (node: OnnxNode, e: MoonletError): MoonletError =>
  new MoonletError(
    `${printNode(node)}: ${cut(e.message, 300)}; to take the part of the net before it, use until: ${quote(nodeName(node))} (--until)`,
    { cause: e },
  );

/** The net with stages named by a pattern. */
function staged(
  net: Net,
  tensors: ReadonlyMap<WeightKey, string>,
  pattern: string | undefined,
): { net: Net; to: ReadonlyMap<string, string>; tensors: ReadonlyMap<WeightKey, string> } {
  if (pattern === undefined) return { net, to: new Map(), tensors };
  const to = stagesBy(
    pattern,
    net.graph.nodes.map(({ id }) => id),
  );
  const renamed = (key: WeightKey): WeightKey => {
    const [id, slot] = splitKey(key);
    return `${to.get(id) ?? id}:${slot}`;
  };
  const weights = new Map<WeightKey, Weight>([...net.weights].map(([key, weight]) => [renamed(key), weight]));
  return {
    net: checkedNet(rename(net.graph, to), weights),
    to,
    tensors: new Map([...tensors].map(([key, tensor]) => [renamed(key), tensor])),
  };
}
