/**
 * @file Reads graphs from JSON and validates every field. `graph/index.ts` leaves this file out, since it is the one
 * that loads zod: composing and counting need no schema.
 */
import * as z from 'zod';
import { cut, MoonletError, messageOf, within } from '../errors.ts';
import { check } from './check.ts';
import { issueText } from './issue.ts';
import { activations, type Graph, integerForms, type Kind } from './op.ts';
import { format, version } from './to-json.ts';

const whole = z.int().min(0);
const positive = z.int().min(1);
const pair = z.tuple([positive, positive]);
const padding = z.union([z.enum(['same', 'valid']), z.tuple([whole, whole, whole, whole])]);
const rate = z.number().min(0).lt(1);

const eps = z.number().min(0);

const op = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('input'),
    shape: z.union([z.tuple([positive, positive, positive]), z.tuple([positive])]),
  }),
  z.strictObject({
    kind: z.literal('conv'),
    out: positive,
    kernel: pair,
    stride: pair,
    dilation: pair,
    groups: positive,
    padding,
    bias: z.boolean(),
  }),
  z.strictObject({
    kind: z.literal('convTranspose'),
    out: positive,
    kernel: pair,
    stride: pair,
    dilation: pair,
    groups: positive,
    padding,
    bias: z.boolean(),
    outputPadding: z.tuple([whole, whole]),
  }),
  z.strictObject({ kind: z.literal('layerNorm'), eps, scale: z.boolean(), offset: z.boolean() }),
  z.strictObject({
    kind: z.literal('groupNorm'),
    groups: positive,
    eps,
    scale: z.boolean(),
    offset: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('responseNorm'), eps }),
  z.strictObject({
    kind: z.literal('attention'),
    form: z.enum(['softmax', 'linear', 'separable', 'covariance']),
    heads: positive,
    scale: z.number().positive(),
    eps,
    bias: z.boolean(),
    talking: z.literal(true).exactOptional(),
    within: z.enum(['whole', 'windows', 'grid']),
    size: pair,
  }),
  z.strictObject({
    kind: z.literal('positions'),
    features: z.int().min(4).multipleOf(4),
    temperature: z.number().positive(),
  }),
  z.strictObject({ kind: z.literal('scale'), initial: z.number() }),
  z.strictObject({ kind: z.literal('dense'), out: positive, bias: z.boolean() }),
  z.strictObject({
    kind: z.literal('norm'),
    eps,
    momentum: z.number().min(0).max(1),
    scale: z.boolean(),
    offset: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('act'), fn: z.enum(activations) }),
  z.strictObject({ kind: z.literal('pool'), fn: z.enum(['max', 'avg']), size: pair, stride: pair, padding }),
  z.strictObject({ kind: z.literal('pad'), pads: z.tuple([z.int(), z.int(), z.int(), z.int()]) }),
  z.strictObject({ kind: z.literal('globalPool'), fn: z.enum(['max', 'avg']) }),
  z.strictObject({ kind: z.literal('add') }),
  z.strictObject({ kind: z.literal('mul') }),
  z.strictObject({ kind: z.literal('concat') }),
  z.strictObject({ kind: z.literal('slice'), from: whole, to: positive }),
  z.strictObject({ kind: z.literal('shuffle'), groups: positive }),
  z.strictObject({ kind: z.literal('permute'), order: z.array(whole) }),
  z.strictObject({ kind: z.literal('flatten') }),
  z.strictObject({ kind: z.literal('maxout'), pieces: positive }),
  z.strictObject({ kind: z.literal('shift'), kernel: positive }),
  z.strictObject({ kind: z.literal('pixelShuffle'), factor: positive }),
  z.strictObject({
    kind: z.literal('resize'),
    size: pair,
    fn: z.enum(['nearest', 'bilinear']),
    align: z.enum(['centres', 'corners', 'edges']),
  }),
  z.strictObject({ kind: z.literal('upsample'), factor: positive, fn: z.enum(['nearest', 'bilinear']) }),
  z.strictObject({
    kind: z.literal('quantize'),
    scale: z.number().positive(),
    zero: z.int(),
    bits: z.int().min(2).max(8),
    signed: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('dropout'), rate }),
  z.strictObject({ kind: z.literal('dropPath'), rate }),
]);
/** Kinds that the schema does not have: the type parameter allows none, so that a new kind does not compile before it is added. */
const complete = <Missing extends never>(schema: typeof op, _missing?: Missing): typeof op => schema;
/** The schema of an op in JSON. Layers that carry an op validate it with this. */
export const opSchema = complete<Exclude<Kind, z.output<typeof op>['kind']>>(op);

/** Errors name nodes: ids of a file are bounded, and cannot command a terminal. */
const longest = { name: 1000, id: 250 };
const printable = /^\P{C}*$/u;
const id = z.string().max(longest.id).regex(printable, 'characters that cannot be printed');
const schema = z.strictObject({
  format: z.literal(format),
  version: z.literal(version),
  name: z.string().max(longest.name),
  outputs: z.array(id).min(1),
  integers: z.enum(integerForms).optional(),
  nodes: z.array(z.strictObject({ id, op, inputs: z.array(id), weightsOf: id.optional() })),
});

/**
 * The graph that a JSON text holds.
 *
 * @param file the name of the file that the text comes from, for error messages.
 * @throws MoonletError that says where the JSON differs from the format, or what is wrong in the graph.
 */
export function fromJson(text: string, file?: string): Graph {
  const source = file ?? 'graph';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (e) {
    throw new MoonletError(
      `${source}: not JSON (${cut(messageOf(e), 200)}); expected a file that toJson wrote`,
    );
  }
  const header = z.object({ format: z.literal(format), version: z.number() }).safeParse(value).data;
  if (header && header.version > version) {
    throw new MoonletError(
      `${source}: version ${header.version} is newer than ${version}, which this release reads; update moonlet`,
    );
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new MoonletError(`${source}: ${issueText(parsed.error)}`);
  const { name, nodes, outputs, integers } = parsed.data;
  const graph: Graph = {
    name,
    nodes: nodes.map(({ weightsOf, ...node }) => (weightsOf === undefined ? node : { ...node, weightsOf })),
    outputs,
    ...(integers ? { integers } : {}),
  };
  return file === undefined ? check(graph) : within(file, () => check(graph));
}
