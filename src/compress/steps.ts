/**
 * @file A compression as data: steps with their options, as JSON or as words. `prune=0.8 fit=300 share=16,start=density`
 * says the same as `[{"step":"prune","sparsity":0.8},{"step":"fit","steps":300},{"step":"share","clusters":16,"start":"density"}]`.
 */
import * as z from 'zod';
import { factorizeMethods } from '../edit/factorize/factorize-options.ts';
import { suggestion, UsageError } from '../errors.ts';
import { integerForms, issueText, unknownKey } from '../graph/index.ts';
import { calibrationMethods, quantizedKinds, roundings } from './choices.ts';

const share = z.number().gt(0).max(1);
const count = z.int().min(1);
const bits = z.int().min(2).max(8);
/** Paths or globs; in words they are joined by '+'. */
const paths = z.union([z.string().transform((s) => s.split('+')), z.array(z.string()).min(1)]);
const where = { only: paths.optional(), except: paths.optional() };
const training = {
  steps: count,
  batch: count.max(4096).default(64),
  /** The peak of the learning rate; by what is trained unless told. */
  rate: z.number().positive().optional(),
  optimizer: z.enum(['sgd', 'adam']).optional(),
  /** Augmentation: images moved by up to so many pixels, and mirrored. */
  shift: z.int().min(0).max(64).default(0),
  flip: z.boolean().default(false),
};

const step = z.discriminatedUnion('step', [
  /** Channels away for real: by a ratio of each layer's, or to a share of the net's multiply-adds or parameters. */
  z.strictObject({
    step: z.literal('channels'),
    ratio: share.optional(),
    macs: share.optional(),
    params: share.optional(),
    by: z.enum(['l1', 'l2', 'norm-scale', 'geometric-median']).default('l2'),
    scope: z.enum(['layer', 'global']).default('layer'),
    /** Widths are multiples of it; of 8 by default where a layer can be, 1 for exact numbers (see `pruneChannels`). */
    roundTo: count.optional(),
    /** Examples by which layers that lost inputs are fitted to the former values; none by default (see `reconstruct`). */
    reconstruct: count.optional(),
    ...where,
  }),
  /** The smallest weights to zero. */
  z.strictObject({
    step: z.literal('prune'),
    sparsity: share.lt(1),
    scope: z.enum(['layer', 'global']).default('layer'),
    ...where,
  }),
  z.strictObject({
    step: z.literal('factorize'),
    method: z.enum(factorizeMethods),
    rank: z.union([count, z.tuple([count, count])]).optional(),
    energy: share.optional(),
    params: share.optional(),
    macs: share.optional(),
    vbmf: z.literal(true).optional(),
    where: z.string().optional(),
  }),
  /** Whole numbers: kernels, and values between layers unless `activations` is 0. */
  z.strictObject({
    step: z.literal('quantize'),
    weights: bits.default(8),
    activations: z.union([bits, z.literal(0)]).default(8),
    method: z.enum(calibrationMethods).default('min-max'),
    clip: z.enum(['max', 'mse']).default('max'),
    per: z.enum(['channel', 'tensor']).default('channel'),
    equalize: z.boolean().default(false),
    correct: z.boolean().default(true),
    outputs: z.boolean().default(false),
    even: z.boolean().default(false),
    round: z.enum(roundings).default('nearest'),
    unrounded: z.int().min(0).default(0),
    /** Kernels of 8 bits that are exact in u8 x s8 everywhere, or of all codes. */
    form: z.enum(integerForms).default('paired'),
    /** Examples that calibrate. */
    examples: count.default(256),
  }),
  /** Few values: trained through rounding for so many steps. */
  z.strictObject({
    step: z.literal('train-quantized'),
    kind: z.enum(quantizedKinds).default('integers'),
    bits: bits.default(4),
    ...training,
    ...where,
  }),
  z.strictObject({
    step: z.literal('share'),
    clusters: z.int().min(2).max(256),
    start: z.enum(['linear', 'density']).default('linear'),
    ...where,
  }),
  z.strictObject({ step: z.literal('hash'), share, seed: z.int().min(0).default(0), ...where }),
  z.strictObject({ step: z.literal('circulate'), block: z.int().min(2), ...where }),
  /** What is still in float32 becomes half precision. */
  z.strictObject({ step: z.literal('half') }),
  z.strictObject({ step: z.literal('fold') }),
  /** Training that keeps what the steps before it made. */
  z.strictObject({ step: z.literal('fit'), ...training }),
  /** The same, by the uncompressed net. */
  z.strictObject({
    step: z.literal('distill'),
    ...training,
    temperature: z.number().positive().default(4),
    alpha: z.number().min(0).max(1).default(0.9),
  }),
  /** The compact file with its Huffman codes. Nothing may follow. */
  z.strictObject({ step: z.literal('huffman') }),
]);
export type CompressStep = z.output<typeof step>;
export type CompressStepInput = z.input<typeof step>;
export type StepName = CompressStep['step'];

/** What a step's first value means in words. */
const mains: Readonly<Record<StepName, string | undefined>> = {
  channels: 'ratio',
  prune: 'sparsity',
  factorize: 'method',
  quantize: 'weights',
  'train-quantized': 'steps',
  share: 'clusters',
  hash: 'share',
  circulate: 'block',
  half: undefined,
  fold: undefined,
  fit: 'steps',
  distill: 'steps',
  huffman: undefined,
};
export const stepNames = Object.keys(mains) as readonly StepName[];

/** A step in words, for tables. */
export function printStep(given: CompressStep): string {
  const main = mains[given.step];
  const all = given as unknown as Readonly<Record<string, unknown>>;
  const plain = step.safeParse({ step: given.step, ...(main ? { [main]: all[main] } : {}) });
  const usual = (plain.success ? plain.data : {}) as unknown as Readonly<Record<string, unknown>>;
  const extras = Object.entries(all).flatMap(([key, value]) => {
    if (key === 'step' || key === main || value === undefined) return [];
    const text = Array.isArray(value) ? value.join('+') : String(value);
    return JSON.stringify(usual[key]) === JSON.stringify(value) ? [] : [`${key}=${text}`];
  });
  const first = main && all[main] !== undefined ? `${given.step}=${String(all[main])}` : given.step;
  return [first, ...extras].join(',');
}

/**
 * Steps from JSON or words.
 * @throws UsageError that says which step departs from what is known, and how.
 */
export function parseSteps(given: unknown, name = 'steps'): readonly CompressStep[] {
  const list = typeof given === 'string' ? fromWords(given, name) : given;
  if (!Array.isArray(list) || !list.length)
    throw new UsageError(
      `${name}: a list of steps is expected, such as "prune=0.8 fit=300 share=16 huffman"`,
    );
  const steps = list.map((value: unknown, i) => {
    const at = `${name}[${i}]`;
    const kind = (value as { step?: unknown } | null)?.step;
    if (typeof kind === 'string' && !stepNames.some((s) => s === kind)) {
      throw new UsageError(
        `${at}: no step "${kind}".${suggestion(kind, stepNames)} Known: ${stepNames.join(', ')}`,
      );
    }
    const parsed = step.safeParse(value, { error: unknownKey });
    if (!parsed.success) throw new UsageError(`${at}: ${issueText(parsed.error)}`);
    oneChoice(parsed.data, at);
    return parsed.data;
  });
  const early = steps.findIndex((s, i) => s.step === 'huffman' && i < steps.length - 1);
  if (early >= 0) throw new UsageError(`${name}[${early}]: huffman writes the file; no step may follow it`);
  return steps;
}

/** Exactly one way to say how much. */
function oneChoice(s: CompressStep, at: string): void {
  const choices =
    s.step === 'channels'
      ? (['ratio', 'macs', 'params'] as const)
      : s.step === 'factorize'
        ? (['rank', 'energy', 'params', 'macs', 'vbmf'] as const)
        : [];
  if (!choices.length) return;
  const told = choices.filter((key) => (s as Readonly<Record<string, unknown>>)[key] !== undefined);
  if (told.length !== 1)
    throw new UsageError(
      `${at}: ${s.step} takes one of ${choices.join(', ')}, got ${told.join(' and ') || 'none'}`,
    );
}

/** 'name=value,key=value ...' */
function fromWords(text: string, name: string): unknown[] {
  return text
    .trim()
    .split(/\s+/)
    .filter(Boolean)
    .map((word, i) => {
      const [first = '', ...rest] = word.split(',');
      const [kind = '', value] = halves(first);
      const main = Object.hasOwn(mains, kind) ? mains[kind as StepName] : undefined;
      if (value !== undefined && Object.hasOwn(mains, kind) && !main)
        throw new UsageError(`${name}[${i}]: ${kind} takes no value, got "${value}"`);
      const pairs = rest.map((part): [string, unknown] => {
        const [key = '', v] = halves(part);
        return [key, v === undefined ? true : meant(v)];
      });
      return {
        step: kind,
        ...(main && value !== undefined ? { [main]: meant(value) } : {}),
        ...Object.fromEntries(pairs),
      };
    });
}
function halves(text: string): readonly [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
function meant(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  const parts = text.split('x').map(Number);
  if (text.includes('x') && parts.every((n) => Number.isInteger(n))) return parts;
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}
