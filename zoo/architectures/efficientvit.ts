/**
 * @file EfficientViT of MIT. Cai et al., ICCV 2023, arXiv:2205.14756, figure 5 and section 3; official code mit-han-lab/efficientvit
 * (Apache-2.0). The nets b0 to b3. Linear attention with relu has heads of d channels, half of them over the map and half over sums of
 * 5 x 5 places (section 3.1). As in timm, eps of attention is 1e-5.
 */
import {
  architecture,
  type Block,
  choice,
  common,
  convNorm,
  convNormAct,
  depthwise,
  dropoutOption,
  dropPathOption,
  type Flow,
  image,
  repeat,
  round8,
  roundTo,
  skip,
  stochasticDepth,
  widthOption,
} from '../../src/compose/index.ts';
import { residual } from './transformer.ts';

/** Channels of stem and stages, blocks of them, channels of a head of attention, widths of the head. */
const variants = {
  b0: { widths: [8, 16, 32, 64, 128], depths: [1, 2, 2, 2, 2], head: 16, last: [1024, 1280] },
  b1: { widths: [16, 32, 64, 128, 256], depths: [1, 2, 3, 3, 4], head: 16, last: [1536, 1600] },
  b2: { widths: [24, 48, 96, 192, 384], depths: [1, 3, 4, 4, 6], head: 32, last: [2304, 2560] },
  b3: { widths: [32, 64, 128, 256, 512], depths: [1, 4, 6, 6, 9], head: 32, last: [2304, 2560] },
} as const;

const act = 'hardSwish';
const hard = { act } as const;
const expand = 4;

/** Inverted residual; without norms before its last conv in the stages of attention. */
const inverted =
  (out: number, stride: 1 | 2, norms: boolean): Block =>
  (x) => {
    const c = expand * x.channels;
    const padding = stride > 1 ? { padding: [1, 1, 1, 1] as const } : {};
    const widen: Block = norms ? convNormAct(c, hard) : (y) => y.conv(c, { bias: true }).act(act);
    const filter: Block = norms
      ? depthwise({ ...hard, kernel: 3, stride })
      : (y) => y.depthwise({ stride, bias: true, ...padding }).act(act);
    return x.pipe('expand', widen).pipe('filter', filter).pipe('project', convNorm(out));
  };

/**
 * q, k and v of all heads, and the same of sums over 5 x 5 places; linear attention of both; figure 5. Channels of q, k and v are head
 * by head, [heads, 3 d]: shuffles bring all q, all k and all v together, head by head again.
 */
const multiScale =
  (d: number): Block =>
  (x) => {
    const heads = x.channels / d;
    const qkv = x.pipe('qkv', (y) => y.conv(3 * x.channels));
    const wide = { kernel: 5, groups: qkv.channels };
    const sums = qkv.pipe('sums', (y) => y.conv(y.channels, wide).conv(y.channels, { groups: 3 * heads }));
    const all = qkv.concat(sums).shuffle(2 * heads);
    const part = (i: number): Flow<'map'> =>
      all.slice(2 * i * x.channels, 2 * (i + 1) * x.channels).shuffle(d);
    const options = { heads: 2 * heads, form: 'linear', eps: 1e-5 } as const;
    const mixed = part(0).relu().attention(part(1).relu(), part(2), options);
    return mixed.pipe('project', convNorm(x.channels));
  };

export const efficientvit = architecture({
  name: 'efficientvit',
  paper: {
    title: 'EfficientViT: Multi-Scale Linear Attention for High-Resolution Dense Prediction',
    authors: 'Cai et al.',
    year: 2023,
    arxiv: '2205.14756',
  },
  options: {
    variant: choice(['b0', 'b1', 'b2', 'b3'], { doc: 'which of the nets', default: 'b0' }),
    width: widthOption(),
    dropout: dropoutOption({ default: 0 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ variant, width, dropout, dropPath, classes, size, channels }) => {
    const { widths, depths, head, last } = variants[variant];
    const out = (i: number): number => roundTo(i > 2 ? head : 8, (widths[i] ?? 0) * width);
    const count = depths.slice(1).reduce((n, d) => n + d, 0);
    let place = 0;
    const dropped = (body: Block): Block => residual(body, stochasticDepth(dropPath, place++, 2 * count));
    const local: Block = (x) =>
      x.pipe('filter', depthwise({ ...hard, kernel: 3 })).pipe('project', convNorm(x.channels));
    const stem: Block = (x) =>
      convNormAct(out(0), { ...hard, kernel: 3, stride: 2 })(x).pipe('local0', (y) => y.residual(local));
    const stage = (x: Flow<'map'>, i: number): Flow<'map'> => {
      const [n, c, attends] = [depths[i] ?? 0, out(i), i > 2];
      const blocks = repeat(attends ? n : n - 1, (): Block => {
        const [before, after] = [
          dropped(attends ? multiScale(head) : skip),
          dropped(inverted(c, 1, !attends)),
        ];
        return attends ? (y) => y.pipe('attention', before).pipe('local', after) : after;
      });
      return x.stack(`stage${i}`, [inverted(c, 2, !attends), ...blocks]);
    };
    return [1, 2, 3, 4].reduce(stage, image(size, channels).pipe('stem', stem)).pipe('head', (x) =>
      x
        .pipe('mix', convNormAct(round8(last[0] * width), hard))
        .globalPool()
        .pipe('features', (y) => y.dense(last[1], { bias: false }).layerNorm({ eps: 1e-5 }).act(act))
        .dropout(dropout)
        .dense(classes),
    );
  },
});
