/** @file The losses of recipes whose methods came after the survey, as a part of the table of `losses.ts`. */
import * as z from 'zod';
import { adapt, kind, place, places, taught } from './loss-kind.ts';
import { changing, changingAboveZero } from './ramp.ts';

const embeddings = z.tuple([z.string(), z.string()]).optional();

export const laterLosses = {
  dkd: kind({
    schema: z.strictObject({
      kind: z.literal('dkd'),
      ...taught,
      weight: changing.default(1),
      alpha: changing.default(1),
      beta: changing.default(8),
      temperature: changingAboveZero.default(4),
      standardized: z.boolean().default(false),
    }),
    needsTeacher: true,
    make: async ({ alpha, beta, temperature, standardized }, { weight, number }) => {
      const { dkd } = await import('../learn/distill/dkd.ts');
      const [a, b, t] = [number(alpha), number(beta), number(temperature)];
      return dkd({ weight, alpha: a, beta: b, temperature: t, standardized });
    },
  }),
  dist: kind({
    schema: z.strictObject({
      kind: z.literal('dist'),
      ...taught,
      weight: changing.default(1),
      beta: changing.default(2),
      gamma: changing.default(2),
      temperature: changingAboveZero.default(1),
    }),
    needsTeacher: true,
    make: async ({ beta, gamma, temperature }, { weight, number }) => {
      const { dist } = await import('../learn/distill/dist.ts');
      const [b, g, t] = [number(beta), number(gamma), number(temperature)];
      return dist({ weight, beta: b, gamma: g, temperature: t });
    },
  }),
  'logit-standardization': kind({
    schema: z.strictObject({
      kind: z.literal('logit-standardization'),
      ...taught,
      weight: changing.default(9),
      temperature: changingAboveZero.default(2),
    }),
    needsTeacher: true,
    make: async ({ temperature }, { weight, number }) => {
      const { logitStandardization } = await import('../learn/distill/logit-standardization.ts');
      return logitStandardization({ weight, temperature: number(temperature) });
    },
  }),
  rkd: kind({
    schema: z.strictObject({
      kind: z.literal('rkd'),
      ...taught,
      weight: changing.default(1),
      distance: changing.default(25),
      angle: changing.default(50),
      embeddings,
    }),
    needsTeacher: true,
    make: async ({ distance, angle, embeddings }, { weight, number }) => {
      const { rkd } = await import('../learn/distill/rkd.ts');
      return rkd({
        weight,
        distance: number(distance),
        angle: number(angle),
        ...(embeddings === undefined ? {} : { embeddings }),
      });
    },
  }),
  srd: kind({
    schema: z.strictObject({
      kind: z.literal('srd'),
      ...taught,
      weight: changing.default(1),
      alpha: changing.default(1),
      beta: changing.default(1),
      form: z.enum(['l2', 'soft']).default('l2'),
      temperature: changingAboveZero.default(4),
    }),
    needsTeacher: true,
    make: async ({ alpha, beta, form, temperature }, { weight, number }) => {
      const { srd } = await import('../learn/distill/srd.ts');
      const [a, b, t] = [number(alpha), number(beta), number(temperature)];
      return srd({ weight, alpha: a, beta: b, form, temperature: t });
    },
  }),
  'review-kd': kind({
    schema: z.strictObject({
      kind: z.literal('review-kd'),
      ...taught,
      weight: changing.default(1),
      pairs: places,
      pooled: z.boolean().default(true),
      channels: z.int().min(1).max(4096).optional(),
    }),
    needsTeacher: true,
    make: async ({ pairs, pooled, channels }, { weight }) => {
      const { reviewKd } = await import('../learn/distill/review-kd.ts');
      return reviewKd({
        weight,
        pooled,
        ...(pairs === undefined ? {} : { pairs }),
        ...(channels === undefined ? {} : { channels }),
      });
    },
  }),
  crd: kind({
    schema: z.strictObject({
      kind: z.literal('crd'),
      ...taught,
      weight: changing.default(0.8),
      length: z.int().min(1).max(4096).default(128),
      count: z.int().min(1).max(1_000_000).default(16384),
      negatives: z.enum(['other-classes', 'all']).default('other-classes'),
      temperature: changingAboveZero.default(0.07),
      momentum: z.number().min(0).max(1).default(0.5),
      embeddings,
    }),
    needsTeacher: true,
    make: async ({ length, count, negatives, temperature, momentum, embeddings }, { weight, number }) => {
      const { crd } = await import('../learn/distill/crd.ts');
      const options = { weight, length, count, negatives, momentum };
      return crd({
        ...options,
        temperature: number(temperature),
        ...(embeddings === undefined ? {} : { embeddings }),
      });
    },
  }),
  features: kind({
    schema: z.strictObject({
      kind: z.literal('features'),
      ...taught,
      weight: changing.default(1),
      embeddings,
      adapt,
    }),
    needsTeacher: true,
    make: async ({ embeddings, adapt }, { weight }) => {
      const { features } = await import('../learn/distill/features.ts');
      return features({ weight, adapt, ...(embeddings === undefined ? {} : { embeddings }) });
    },
  }),
  'token-distillation': kind({
    schema: z.strictObject({
      kind: z.literal('token-distillation'),
      ...taught,
      weight: changing.default(1),
      form: z.enum(['soft', 'hard']).default('soft'),
      temperature: changingAboveZero.default(1),
      head: place.optional(),
    }),
    needsTeacher: true,
    make: async ({ form, temperature, head }, { weight, number }) => {
      const { tokenDistillation } = await import('../learn/distill/token-distillation.ts');
      return tokenDistillation({
        weight,
        form,
        temperature: number(temperature),
        ...(head === undefined ? {} : { head }),
      });
    },
  }),
  /** It reads the teachers that the recipe names in "teachers". */
  'multi-teacher': kind({
    schema: z.strictObject({
      kind: z.literal('multi-teacher'),
      weight: changing.default(0.9),
      teachers: z.record(z.string(), z.number().positive()).optional(),
      temperature: changingAboveZero.default(4),
      mean: z.enum(['probabilities', 'logits']).default('probabilities'),
      confidence: z.boolean().default(false),
    }),
    needsTeacher: false,
    make: async ({ teachers, temperature, mean, confidence }, { weight, number }) => {
      const { multiTeacher } = await import('../learn/distill/multi-teacher.ts');
      const options = { weight, temperature: number(temperature), mean, confidence };
      return multiTeacher({ ...options, ...(teachers === undefined ? {} : { teachers }) });
    },
  }),
} as const;
