/**
 * @file The chains of scripts/experiments/compress.ts that words cannot say: pruning that goes along with training, and what
 * the survey names at the level of structure. Each makes a net of a trained one.
 */

import { type Dataset, hold } from '../../src/data/index.ts';
import { expand, nestChannels, pruneChannels, shrink } from '../../src/edit/index.ts';
import { Refusal } from '../../src/errors.ts';
import { cosine, crossEntropy, type LossMaker } from '../../src/learn/loss/index.ts';
import {
  energies,
  gradients,
  gradually,
  morphnet,
  nestedNet,
  reconstruct,
  reestimateNorms,
  slimming,
  splitNet,
} from '../../src/learn/structure/index.ts';
import { classification, passes } from '../../src/learn/task/index.ts';
import { type FitOptions, fit, type StepReport } from '../../src/learn/train/index.ts';
import { cost } from '../../src/read/index.ts';
import { type Net, sparse } from '../../src/weights/index.ts';

export interface Lab {
  readonly data: Dataset;
  /** Training steps, of the long and the short kind. */
  readonly long: number;
  readonly short: number;
  readonly onStep: (at: StepReport) => void;
}
const seed = 1;
const halfOf = (net: Net): number => Math.floor(cost(net.graph).macs / 2);

/** Training on what is not held out, as the other chains train. */
async function tuned(
  net: Net,
  steps: number,
  { data, onStep }: Lab,
  o: Partial<FitOptions> = {},
  peak = 0.05,
): Promise<Net> {
  const { train } = hold(data.train, 1000, seed);
  const augment = { shift: 2, flip: data.name === 'fashion-mnist' };
  const rate = cosine({ steps, peak });
  return (await fit(net, train, data, { steps, seed, rate, augment, onStep, ...o })).net;
}
/** Some batches of training images. */
function images({ data }: Lab, count: number): readonly Float32Array[] {
  const { train } = hold(data.train, 1000, seed);
  const found: Float32Array[] = [];
  for (const { x } of passes(train, data, 64)) {
    if (found.push(x) === count) break;
  }
  return found;
}
const joined = (parts: readonly Float32Array[]): Float32Array =>
  Float32Array.from(parts.flatMap((p) => [...p]));
const beside = (...losses: readonly LossMaker[]): Partial<FitOptions> => ({
  losses: [crossEntropy(), ...losses],
});

export const programs: Readonly<Record<string, (net: Net, lab: Lab) => Promise<Net>>> = {
  'weights, gradually to 0.9': async (net, lab) =>
    stored(
      await tuned(net, lab.long, lab, {
        project: gradually(net, {
          to: 0.9,
          end: Math.ceil(0.7 * lab.long),
          every: Math.max(1, Math.floor(lab.long / 40)),
          scope: 'global',
        }),
      }),
    ),
  'half of the macs by Taylor scores': async (net, lab) => {
    const { train } = hold(lab.data.train, 1000, seed);
    const found = await gradients(net, classification(train, lab.data, {}), { batches: 16, seed });
    const { net: pruned } = pruneChannels(
      net,
      { macs: halfOf(net) },
      { by: 'taylor', gradients: found, scope: 'global', roundTo: 1 },
    );
    return tuned(pruned, lab.long, lab);
  },
  'half of the macs by least squares, no training': async (net, lab) => {
    const x = joined(images(lab, 8));
    const pruned = pruneChannels(
      net,
      { macs: halfOf(net) },
      { by: 'reconstruction', energies: await energies(net, x), roundTo: 1 },
    );
    return reestimateNorms(await reconstruct(net, pruned, x, { seed }), images(lab, 8));
  },
  'half of the macs by least squares': async (net, lab) => {
    const x = joined(images(lab, 8));
    const pruned = pruneChannels(
      net,
      { macs: halfOf(net) },
      { by: 'reconstruction', energies: await energies(net, x), roundTo: 1 },
    );
    return tuned(await reconstruct(net, pruned, x, { seed }), lab.long, lab);
  },
  'network slimming, half of the macs': async (net, lab) => {
    const slim = await tuned(net, lab.short, lab, beside(slimming({ weight: 1e-3 })));
    const { net: pruned } = pruneChannels(
      slim,
      { macs: halfOf(net) },
      { by: 'norm-scale', scope: 'global', roundTo: 1 },
    );
    return tuned(pruned, lab.long, lab);
  },
  'MorphNet, expanded to half of the macs': async (net, lab) => {
    const weighed = await tuned(net, lab.long, lab, beside(morphnet({ weight: 0.3 })));
    const small = orSame(() => shrink(weighed, { threshold: 0.05 }).net, weighed);
    const { macs } = cost(small.graph);
    const fitting =
      macs > halfOf(net)
        ? pruneChannels(small, { macs: halfOf(net) }, { by: 'norm-scale', scope: 'global', roundTo: 1 }).net
        : orSame(() => expand(small, { macs: halfOf(net) }).net, small);
    return tuned(fitting, lab.long, lab);
  },
  'SplitNet, 2 groups in the last stage': async (net, lab) => {
    const last = net.graph.nodes.flatMap((n) => /^stage(\d+)/.exec(n.id)?.[1] ?? []).at(-1);
    const dense = net.graph.nodes.filter(
      ({ id, op }) => id.startsWith(`stage${last}/`) && op.kind === 'conv' && op.groups === 1,
    );
    const spatial = dense.filter(({ op }) => op.kind === 'conv' && op.kernel[0] > 1);
    const layers = (spatial.length ? spatial : dense).map(({ id }) => id);
    const { form, loss } = splitNet(net.graph, { groups: 2, layers, weight: 1e-3, seed });
    const split = await tuned(net, lab.long, lab, { form, ...beside(loss) });
    return tuned(split, lab.short, lab);
  },
  'NestedNet, the smallest of 3 (0.5, 0.25, 0)': (net, lab) => nested(net, lab, 0),
  'NestedNet, the middle of 3 (0.5, 0.25, 0)': (net, lab) => nested(net, lab, 1),
  'NestedNet, the whole of 3 (0.5, 0.25, 0)': (net, lab) => nested(net, lab, 2),
};

/** Kernels as they are stored when most of their values are zero. */
const stored = ({ graph, weights }: Net): Net => ({
  graph,
  weights: new Map(
    [...weights].map(([key, w]) => [
      key,
      key.endsWith(':kernel') && w.encoding === 'float32' ? sparse(w) : w,
    ]),
  ),
});

/** Levels trained together; each is cut out of the same weights, with norm statistics of its own. */
const trainedLevels = new WeakMap<Net, Promise<Net>>();
async function nested(net: Net, lab: Lab, level: number): Promise<Net> {
  const levels = nestChannels(net, [0.5, 0.25, 0], { roundTo: 1 });
  const whole = trainedLevels.get(net) ?? tuned(net, lab.long, lab, beside(nestedNet(levels)));
  trainedLevels.set(net, whole);
  const cut = (levels[level] as (typeof levels)[number]).cut(await whole);
  return reestimateNorms(cut, images(lab, 16));
}

function orSame(edit: () => Net, net: Net): Net {
  try {
    return edit();
  } catch (e) {
    if (e instanceof Refusal) return net;
    throw e;
  }
}
