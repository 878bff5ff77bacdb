/**
 * @file The rows of the experiment of distillation: what each method's recipe is changed to, and the baseline that it is compared with.
 */
import type { RecipeInput } from '../../src/run/index.ts';

/** Harder than digits, where all nets are near 99 %. */
const data = 'fashion-mnist';
const taughtBy = { data, teacher: 'fashion-mnist/wrn-16-2' };
/** Four views of each image, the same for all seeds, so that the teacher is asked once for each. */
const views = { views: 4, viewSeed: 7 };
const garments = { ...taughtBy, ...views };
/** The student of the second pair, of another family. */
const other = { ...garments, student: 'resnet-cifar depth=8 size=28 channels=1' };
const plainLoss: RecipeInput['losses'] = [{ kind: 'cross-entropy' }];

export interface Row {
  readonly id: string;
  readonly baseline: string;
  /** What is put over the recipe for both runs. */
  readonly over?: Partial<RecipeInput>;
  /** What is put over it for the baseline; an undefined field is taken away. */
  readonly without: { readonly [K in keyof RecipeInput]?: RecipeInput[K] | undefined };
  /** The baseline begins with fresh weights in the graph that the method ends with. */
  readonly fresh?: boolean;
  readonly metric?: 'accuracy' | 'oldAccuracy';
}
const plain = { losses: plainLoss, stages: undefined, teacher: undefined };
const first: readonly Row[] = [
  {
    id: 'munge',
    baseline: 'the original small set alone',
    over: taughtBy,
    without: { ...plain, transfer: undefined },
  },
  {
    id: 'logits',
    baseline: 'plain training on 10,000 labelled images (the method sees all images, and no label)',
    over: { ...taughtBy, views: 1 },
    without: { ...plain, limit: 10_000, rate: { kind: 'one-cycle', peak: 0.002 } },
  },
  { id: 'hints', baseline: 'plain training', over: garments, without: plain },
  {
    id: 'net2net',
    baseline: 'the same net from scratch',
    without: { teacher: undefined, rate: { kind: 'one-cycle', peak: 0.1 } },
    fresh: true,
  },
  {
    id: 'growth',
    baseline: 'the grown net from scratch',
    over: { data },
    without: { growth: undefined },
    fresh: true,
  },
  {
    id: 'lwf',
    baseline: 'fine-tuning without the old outputs',
    metric: 'oldAccuracy',
    over: { data },
    without: {
      stages: [
        { name: 'warm-up', steps: 200, train: ['heads'], losses: plainLoss },
        { name: 'together', steps: 600, losses: plainLoss, rate: { kind: 'one-cycle', peak: 0.02 } },
      ],
    },
  },
  {
    id: 'moonshine',
    baseline: 'the cheap net without attention',
    over: { ...garments, student: 'wrn depth=16 width=2 size=28 channels=1' },
    without: plain,
  },
  {
    id: 'one',
    baseline: 'one branch alone',
    over: { data, ...views },
    without: { losses: plainLoss },
  },
  { id: 'soft-targets', baseline: 'plain training', over: garments, without: plain },
  // flow matrices ask for equal channels
  {
    id: 'fsp',
    baseline: 'plain training',
    over: { ...garments, student: 'wrn depth=10 width=2 size=28 channels=1' },
    without: plain,
  },
  { id: 'darkrank', baseline: 'plain training', over: garments, without: plain },
  { id: 'sobolev', baseline: 'plain training', over: garments, without: plain },
  {
    id: 'data-free',
    baseline: 'noise in place of images',
    without: { transfer: { kind: 'noise', images: 1000 } },
  },
  {
    id: 'rocket',
    baseline: 'the light net alone',
    over: { data, ...views },
    without: { losses: plainLoss },
  },
  { id: 'attention', baseline: 'plain training', over: garments, without: plain },
  ...[
    'dkd',
    'dist',
    'logit-standardization',
    'rkd',
    'srd',
    'review-kd',
    'crd',
    'features',
    'token-distillation',
  ].map((id): Row => ({ id, baseline: 'plain training', over: garments, without: plain })),
  {
    id: 'function-matching',
    baseline: 'plain training for as many steps',
    over: taughtBy,
    without: { ...plain, augment: { shift: 2 } },
  },
  {
    id: 'born-again',
    baseline: 'one generation',
    over: { data, ...views },
    without: { losses: plainLoss, generations: undefined },
  },
  {
    id: 'multi-teacher',
    baseline: 'plain training',
    over: {
      data,
      ...views,
      teachers: { one: 'fashion-mnist/wrn-16-2', two: 'fashion-mnist/wrn-16-1' },
      losses: [
        { kind: 'cross-entropy', weight: 0.1 },
        { kind: 'multi-teacher', weight: 0.9, teachers: { one: 1, two: 1 } },
      ],
    },
    without: { ...plain, teachers: undefined },
  },
];

/** All rows; those that compare a garments' student with plain training are there for a second student too. */
export const rows: readonly Row[] = first.flatMap((row) =>
  row.over === garments && row.without === plain ? [row, { ...row, over: { ...row.over, ...other } }] : [row],
);
