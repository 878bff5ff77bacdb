/** @file Builds blocks, and the stages of whole tables, from timm's block strings. */
import type { Activation } from '../graph/index.ts';
import { type BlockSpec, parseBlock, printBlock } from './block-strings.ts';
import {
  convNorm,
  convNormAct,
  depthwise,
  round8,
  type SqueezeExciteOptions,
  squeezeExcite,
  whereShapesAllow,
} from './blocks.ts';
import { type Block, type Flow, repeat } from './flow.ts';
import type { NormOptions } from './flow-options.ts';

/** The settings of a net that its table of strings does not contain. */
export interface SpecContext {
  readonly act: Activation;
  readonly norm?: NormOptions;
  /** Channels after the width multiplier; as they are by default. */
  readonly round?: (channels: number) => number;
  /** Squeeze and excite: its activations, and its units from the ratio and the block's channels. */
  readonly squeeze?: SqueezeExciteOptions & {
    readonly units: (ratio: number, input: number, expanded: number) => number;
  };
  /** Of the depthwise filters; 1 by default. */
  readonly dilation?: number;
  /** Where the learned scale at the end of blocks `uir` and `mqa` begins; none by default. */
  readonly layerScale?: number;
  /** How often training leaves out the last residual body; earlier ones less often, in proportion. */
  readonly dropPath?: number;
}

/** The blocks that a string stands for. `place` says where they stand among all blocks, for stochastic depth. */
export const blocksOf = (
  spec: BlockSpec,
  context: SpecContext,
  place: { readonly first: number; readonly of: number } = { first: 0, of: spec.repeats },
): readonly Block[] =>
  repeat(spec.repeats, (i) =>
    blockOf(
      i ? { ...spec, stride: 1 } : spec,
      context,
      ((context.dropPath ?? 0) * (place.first + i)) / place.of,
    ),
  );

/** Squeeze and excite with the ratio of the string; without one nothing. `input` is the number of channels of the block. */
const attentionOf =
  (spec: BlockSpec, context: SpecContext, input: number): Block =>
  (y) => {
    const ratio = 'squeeze' in spec ? spec.squeeze : undefined;
    if (ratio === undefined) return y;
    const { units, ...gates } = context.squeeze ?? {
      units: (r: number, from: number) => Math.round(r * from),
    };
    return squeezeExcite(units(ratio, input, y.channels), gates)(y);
  };

function blockOf(spec: BlockSpec, context: SpecContext, dropPath: number): Block {
  const { act = context.act, stride } = spec;
  const { norm, round = (c) => c, dilation = 1, layerScale } = context;
  const scaled: Block = (y) => (layerScale === undefined ? y : y.scale({ initial: layerScale }));
  const out = round(spec.out);
  const shared = { act, ...(norm ? { norm } : {}) };
  const linear = { ...shared, act: 'none' } as const;
  const attention = (input: number): Block => attentionOf(spec, context, input);
  const filter =
    (kernel: number, o: { stride?: number; linear?: boolean } = {}): Block =>
    (y) =>
      kernel
        ? depthwiseOr(spec.groupSize)({
            kernel,
            stride: o.stride ?? 1,
            dilation,
            ...(o.linear ? linear : shared),
          })(y)
        : y;
  const middle = (x: Flow<'map'>): number => round8(x.channels * ('expand' in spec ? (spec.expand ?? 1) : 1));
  const body: Block = (x) => {
    switch (spec.type) {
      case 'ir':
        return x
          .pipe('expand', convNormAct(middle(x), shared))
          .pipe('filter', filter(spec.kernel, { stride }))
          .pipe('attention', attention(x.channels))
          .pipe('project', convNorm(out, linear));
      case 'ds':
      case 'dsa':
        return x
          .pipe('filter', filter(spec.kernel, { stride }))
          .pipe('attention', attention(x.channels))
          .pipe(
            spec.type === 'ds' ? 'project' : 'mix',
            convNormAct(out, spec.type === 'ds' ? linear : shared),
          );
      case 'er':
        return x
          .pipe(
            'expand',
            convNormAct(middle(x), { ...shared, kernel: spec.kernel, stride, groups: groupsOf(middle(x)) }),
          )
          .pipe('attention', attention(x.channels))
          .pipe('project', convNorm(out, linear));
      case 'cn':
        return convNormAct(out, { ...shared, kernel: spec.kernel, stride, groups: groupsOf(x.channels) })(x);
      case 'uir':
        return x
          .pipe('start', filter(spec.start ?? 0, { stride: spec.kernel ? 1 : stride, linear: true }))
          .pipe('expand', convNormAct(middle(x), shared))
          .pipe('filter', filter(spec.kernel, { stride }))
          .pipe('attention', attention(x.channels))
          .pipe('project', convNorm(out, linear))
          .pipe('end', (y) =>
            scaled(
              filter(spec.end ?? 0, { stride: spec.start || spec.kernel ? 1 : stride, linear: true })(y),
            ),
          );
      case 'mqa':
        return x
          .norm(norm)
          .pipe('attention', (y) => multiQuery(y, spec, norm).conv(out))
          .pipe('end', scaled);
    }
  };
  const groupsOf = (channels: number): number => (spec.groupSize ? channels / spec.groupSize : 1);
  const sums = stride === 1 && (spec.type === 'cn' ? spec.skip : spec.type !== 'dsa' && !spec.noskip);
  return sums ? whereShapesAllow(body, dropPath) : body;
}

/** All heads read one key and one value, of a map that a depthwise conv may make smaller (Qin et al. 2024, arXiv:2404.10518, section 3.2). */
function multiQuery(
  x: Flow<'map'>,
  { heads, width, kernel, keyStride = 1 }: BlockSpec & { type: 'mqa' },
  norm: NormOptions | undefined,
): Flow<'map'> {
  const pad = (kernel - 1) / 2;
  const down: Block = (y) =>
    keyStride > 1 ? y.depthwise({ kernel, stride: keyStride, padding: [pad, pad, pad, pad] }).norm(norm) : y;
  const project =
    (c: number): Block =>
    (y) =>
      down(y).pipe('project', (z) => z.conv(c));
  const query = x.pipe('query', (y) => y.conv(heads * width));
  return query.attention(x.pipe('key', project(width)), x.pipe('value', project(width)), { heads });
}

/** Depthwise, or in groups of so many channels. */
const depthwiseOr =
  (groupSize: number | undefined) =>
  (o: Parameters<typeof convNormAct>[1]): Block =>
  (y) =>
    groupSize ? convNormAct(y.channels, { ...o, groups: y.channels / groupSize })(y) : depthwise(o)(y);

/** A table of strings as stages `stage1`, `stage2`, ..., the blocks of each numbered from 0. */
export const stagesOf =
  (table: readonly (readonly string[])[], context: SpecContext): Block =>
  (x) => {
    const specs = table.map((row) => row.map(parseBlock));
    const count = (rows: readonly BlockSpec[]): number => rows.reduce((n, s) => n + s.repeats, 0);
    const of = count(specs.flat());
    let first = 0;
    return specs.reduce((y, row, i) => {
      const blocks = row.flatMap((spec) => {
        const made = blocksOf(spec, context, { first, of });
        first += spec.repeats;
        return made;
      });
      return y.stack(`stage${i + 1}`, blocks);
    }, x);
  };

/**
 * The repeats of the rows of a stage, `factor` times as many: together they are scaled and rounded (up by default), then
 * divided among the rows in proportion, from the last one on, at least one each. That is how timm scales depth.
 */
export function scaleRepeats(
  repeats: readonly number[],
  factor: number,
  round: (x: number) => number = Math.ceil,
): readonly number[] {
  let before = repeats.reduce((n, r) => n + r, 0);
  let after = Math.max(1, round(before * factor));
  return repeats
    .toReversed()
    .map((r) => {
      const scaled = Math.max(1, Math.round((r / before) * after));
      before -= r;
      after -= scaled;
      return scaled;
    })
    .toReversed();
}

/**
 * A stage of a table of strings, `factor` times as deep, as `scaleRepeats` has it.
 *
 * @example
 * import { options } from 'moonlet';
 *
 * options.scaleDepth(['ir_r2_k3_s2_e6_c24'], 1.2); // ['ir_r3_k3_s2_e6_c24']
 */
export function scaleDepth(
  stage: readonly string[],
  factor: number,
  round?: (x: number) => number,
): readonly string[] {
  const specs = stage.map(parseBlock);
  const repeats = scaleRepeats(
    specs.map((s) => s.repeats),
    factor,
    round,
  );
  return specs.map((spec, i) => printBlock({ ...spec, repeats: repeats[i] ?? spec.repeats }));
}
