/**
 * @file GhostNetV2 and GhostNetV3: GhostNet's table, with a gate of long range on the expansions from the third block on.
 * V2 is Tang et al., NeurIPS 2022, arXiv:2211.12905; V3 (Liu et al. 2024, arXiv:2404.11202) trains each conv as a sum of
 * branches, which fold into one. Maps of one row or column, which the released nets refuse, are gated at full size.
 */
import {
  architecture,
  type Block,
  choice,
  convNorm,
  depthwise,
  ghost,
  reparameterized,
  resizeNearest,
} from '../../src/compose/index.ts';
import { ghostnetOf, ghostnetOptions } from './ghostnet.ts';

/** V2, figure 4b: mixed at half size, then along rows and columns (decoupled fully connected attention). */
const longRange =
  (out: number): Block =>
  (x) => {
    const [h, w] = x.shape;
    const half = h > 1 && w > 1 ? x.avgPool({ size: 2, padding: 'valid' }) : x;
    return half
      .pipe('mix', convNorm(out))
      .pipe('row', convNorm(out, { kernel: [1, 5], groups: out }))
      .pipe('column', convNorm(out, { kernel: [5, 1], groups: out }))
      .act('sigmoid');
  };
/** Features times a gate, which is computed first; the first two blocks have none. */
const gated =
  (features: Block, out: number, place: number): Block =>
  (x) => {
    if (place < 2) return features(x);
    const gate = x.pipe('gate', longRange(out));
    const y = features(x);
    return y.mul(resizeNearest(y.shape[0], y.shape[1])(gate));
  };

export const ghostnetV2 = architecture({
  name: 'ghostnet-v2',
  paper: {
    title: 'GhostNetV2: Enhance Cheap Operation with Long-Range Attention',
    authors: 'Tang et al.',
    year: 2022,
    arxiv: '2211.12905',
  },
  options: ghostnetOptions,
  net: (o) =>
    ghostnetOf(o, {
      expand: (out, place) => gated(ghost(out), out, place),
      project: (out) => ghost(out, { act: 'none' }),
      filter: (kernel, stride) => depthwise({ kernel, stride, act: 'none' }),
    }),
});

type Form = 'train' | 'deploy';
/** V3: a ghost module whose two convs are sums of branches. */
const branchedGhost =
  (out: number, act: 'relu' | 'none', form: Form): Block =>
  (x) => {
    const half = Math.ceil(out / 2);
    const y = x.pipe('primary', reparameterized(half, { branches: 3, identity: false, act, form }));
    const cheap = { kernel: 3, groups: half, branches: 3, act, form };
    const both = y.concat(y.pipe('cheap', reparameterized(half, cheap)));
    return both.channels === out ? both : both.slice(0, out);
  };

export const ghostnetV3 = architecture({
  name: 'ghostnet-v3',
  paper: {
    title: 'GhostNetV3: Exploring the Training Strategies for Compact Models',
    authors: 'Liu et al.',
    year: 2024,
    arxiv: '2404.11202',
  },
  options: {
    form: choice(['train', 'deploy'], {
      doc: 'train has all branches, deploy is the net that they fold into',
      default: 'train',
    }),
    ...ghostnetOptions,
  },
  net: ({ form, ...o }) => {
    const branched = { branches: 3, act: 'none', form } as const;
    return ghostnetOf(o, {
      expand: (out, place) => gated(branchedGhost(out, 'relu', form), out, place),
      project: (out) => branchedGhost(out, 'none', form),
      filter: (kernel, stride) => (x) =>
        reparameterized(x.channels, { kernel, stride, groups: x.channels, ...branched })(x),
    });
  },
});
