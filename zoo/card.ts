/** @file The card of a trained net: what it is, how it was made, how accurate it is, and the sha256 of its files. */
import * as z from 'zod';
import { parseJson } from './json.ts';

const share = z.number().min(0).max(1);
const counted = z.int().min(0);
const card = z.strictObject({
  id: z.string(),
  architecture: z.strictObject({
    name: z.string(),
    options: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
  }),
  /** The cheap block put in place of the architecture's own. */
  block: z.string().optional(),
  data: z.string(),
  /** Examples: trained on, held out, tested on. */
  split: z.strictObject({ train: counted, validation: counted, test: counted }),
  /** The input of the net: x = (byte / 255 - mean) / std, for images of this size, [h, w, channels]. */
  preprocessing: z.strictObject({
    mean: z.number(),
    std: z.number().positive(),
    size: z.tuple([counted, counted, counted]),
  }),
  /** The id of the net that taught it, or ids with ` + ` between them for an ensemble; a teacher has none. */
  teacher: z.string().optional(),
  /** Names of the losses that it was trained by. */
  methods: z.array(z.string()).min(1),
  /** The hyper-parameters: a recipe as `fit` and `distill` read it. */
  recipe: z.record(z.string(), z.unknown()),
  seed: counted,
  epochs: z.number().positive(),
  /** On the test split, by the command below. */
  accuracy: share,
  n: z.int(),
  /** Wilson's interval at 95 %. */
  interval95: z.tuple([share, share]),
  /** The same on the part of the test split that an npm package has, where the whole split needs other files. */
  packaged: z.strictObject({ accuracy: share, n: z.int(), interval95: z.tuple([share, share]) }).optional(),
  /** Of the teacher or the ensemble, on the same test split. */
  teacherAccuracy: share.optional(),
  /** Mean accuracies over the seeds: with the teacher, and with labels alone at the same budget. */
  withTeacher: share.optional(),
  withoutTeacher: share.optional(),
  bySeed: z
    .array(z.strictObject({ seed: counted, withTeacher: share, withoutTeacher: share }))
    .min(1)
    .optional(),
  params: z.int(),
  macs: z.int(),
  bytes: z.int(),
  /** Remarks on the accuracy. */
  note: z.string().optional(),
  license: z.string(),
  /** The commands that made and measured it. */
  commands: z.array(z.string()),
  sha256: z.strictObject({ 'graph.json': z.string(), 'weights.safetensors': z.string() }),
});
export type Card = z.output<typeof card>;

/** @throws MoonletError when the text is no card; `path` is where it stands. */
export const parseCard = (text: string, path: string): Card => parseJson(card, text, path);
