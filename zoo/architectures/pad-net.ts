/**
 * @file PAD-Net: Multi-Tasks Guided Prediction-and-Distillation Network. Xu, Ouyang, Wang, Sebe, CVPR 2018,
 * arXiv:1805.04409. Features F of three tasks (segmentation, depth, contour) are each held to labels by a head of their
 * own; then the final tasks (segmentation, depth) take in what the others know by one of three modules (section 3.3):
 *
 *   A  F_o = conv([F_1, ..., F_T])
 *   B  F_o^k = F^k + sum over t != k of W_tk * F^t
 *   C  F_o^k = F^k + sum over t != k of G^k (.) (W_t * F^t),   G^k = sigmoid(W_g^k * F^k)
 *
 * Deviations: a front-end of a few small stages instead of ResNet-50; surface normals are no task of ours; predictions
 * have half of the image's height and width. `none` leaves the module out: F_o^k = F^k.
 */
import { get } from '../../src/access.ts';
import { architecture, type Block, choice, convNormAct, type Flow, image } from '../../src/compose/index.ts';
import { frontEnd, predict, problem, sizes, type Task, tasks, widths } from './scene-stages.ts';

const modules = ['none', 'A', 'B', 'C'] as const;
type Module = (typeof modules)[number];
const conv3 =
  (out: number): Block =>
  (x) =>
    x.conv(out, { kernel: 3, bias: true });

/** What task k takes in, F_o^k, of shape F^k. */
export function distilled(module: Module, k: Task, features: ReadonlyMap<Task, Flow<'map'>>): Flow<'map'> {
  const own = get(features, k);
  const others = [...features].filter(([t]) => t !== k);
  switch (module) {
    case 'none':
      return own;
    case 'A':
      return own.pipe(`distill/${k}`, (x) =>
        x.concat(...others.map(([, f]) => f)).pipe('mix', conv3(own.channels)),
      );
    case 'B':
      return own.pipe(`distill/${k}`, (x) => x.add(...others.map(([t, f]) => sent(t, f))));
    case 'C':
      return own.pipe(`distill/${k}`, (x) => {
        const gate = x.pipe('gate', (y) => conv3(y.channels)(y).act('sigmoid'));
        return x.add(...others.map(([t, f]) => sent(t, f).mul(gate)));
      });
  }
}
/** The message of another task. */
const sent = (task: Task, features: Flow<'map'>): Flow<'map'> =>
  features.pipe(`from-${task}`, conv3(features.channels));

export const padNet = architecture({
  name: 'pad-net',
  paper: {
    title:
      'PAD-Net: Multi-Tasks Guided Prediction-and-Distillation Network for Simultaneous Depth Estimation and Scene Parsing',
    authors: 'Xu, Ouyang, Wang, Sebe',
    year: 2018,
    arxiv: '1805.04409',
  },
  options: {
    module: choice(modules, { doc: 'distillation module of section 3.3; none leaves it out', default: 'C' }),
    ...widths,
    ...sizes,
  },
  problem,
  net: ({ module, width, depth, classes, size, channels }) => {
    const shared = frontEnd(width, depth)(image(size, channels));
    const features = new Map(
      tasks.map(
        (t) => [t, shared.pipe(`first/${t}/features`, convNormAct(2 * width, { kernel: 3 }))] as const,
      ),
    );
    const first = tasks.map((t) => get(features, t).pipe(`first/${t}/predict`, predict(t, classes)));
    const final = (['segmentation', 'depth'] as const).map((k) =>
      distilled(module, k, features)
        .pipe(`head/${k}/features`, convNormAct(2 * width, { kernel: 3 }))
        .pipe(`head/${k}/predict`, predict(k, classes)),
    );
    return [...final, ...first];
  },
});
