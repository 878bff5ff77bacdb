/**
 * @file EdgeNeXt. Maaz et al., CADL at ECCV 2022, arXiv:2206.10589, figure 2 and table 1; official code mmaaz60/EdgeNeXt (MIT). `s-rw`, with
 * strided filters instead of patches between its stages, is timm's.
 */
import {
  architecture,
  type Block,
  choice,
  chain,
  common,
  dropoutOption,
  dropPathOption,
  type Flow,
  image,
  real,
  repeat,
  skip,
  widthOption,
} from '../../src/compose/index.ts';

/** Channels and blocks of the stages, and heads of attention. */
const variants = {
  xxs: { widths: [24, 48, 88, 168], depths: [2, 2, 6, 2], heads: 4 },
  xs: { widths: [32, 64, 100, 192], depths: [3, 3, 9, 3], heads: 4 },
  s: { widths: [48, 96, 160, 304], depths: [3, 3, 9, 3], heads: 8 },
  base: { widths: [80, 160, 288, 584], depths: [3, 3, 9, 3], heads: 8 },
  's-rw': { widths: [48, 96, 192, 384], depths: [3, 3, 9, 3], heads: 8 },
} as const;
/** Of the stages: the filters of convolution encoders, and the parts of the split at the end, of which the first stage has none. */
const kernels = [3, 5, 7, 9] as const;
const parts = [1, 2, 3, 4] as const;

const bias = true;
/** Norm, widen fourfold, GELU, narrow. */
const mlp = (end: Block): Block => {
  const body: Block = (x) =>
    x
      .layerNorm()
      .pipe('expand', (y) => y.conv(4 * x.channels, { bias }).act('gelu'))
      .pipe('project', (y) => y.conv(x.channels, { bias }));
  return (x) => x.pipe('mlp', (y) => end(body(y)));
};
/** Cross-covariance attention: each head weighs its channels, not places. */
const attention = (heads: number, end: Block): Block => {
  const body: Block = (x) => {
    const c = x.channels;
    const qkv = x.layerNorm().pipe('qkv', (y) => y.conv(3 * c, { bias }));
    const [q, k, v] = [qkv.slice(0, c), qkv.slice(c, 2 * c), qkv.slice(2 * c, 3 * c)];
    const mixed = q.attention(k, v, { heads, form: 'covariance' });
    return end(mixed.pipe('project', (y) => y.conv(c, { bias })));
  };
  return (x) => x.pipe('attention', (y) => y.residual(body));
};
/** Convolution encoder. Where its filter changes shapes, the sum is with what that makes. */
const convolution =
  (out: number, o: { kernel: number; stride: number; bias: boolean }, end: Block): Block =>
  (x) => {
    const [side, multiplier] = [(o.kernel - 1) / 2, out / x.channels];
    const filter = { ...o, multiplier, padding: [side, side, side, side] } as const;
    const filtered = x.pipe('filter', (y) => y.depthwise(filter));
    const shortcut = o.stride === 1 && multiplier === 1 ? x : filtered;
    return shortcut.add(mlp(end)(filtered));
  };
/** SDTA encoder: parts of the channels, each but the last filtered with the one before it added; then attention. */
const split =
  (stage: number, heads: number, withBias: boolean, end: Block): Block =>
  (x) => {
    const count = parts[stage] ?? 1;
    const size = Math.ceil(x.channels / count);
    const cut = (i: number): Flow<'map'> => x.slice(i * size, Math.min((i + 1) * size, x.channels));
    const filter = (y: Flow<'map'>, i: number): Flow<'map'> =>
      y.pipe(`part${i}`, (z) => z.depthwise({ bias: withBias }));
    const filtered = [filter(cut(0), 0)];
    for (let i = 1; i < count - 1; i++) filtered.push(filter((filtered[i - 1] ?? x).add(cut(i)), i));
    const [first = x, ...others] = [...filtered, cut(count - 1)];
    const placed: Block = stage === 1 ? (y) => y.positions() : skip;
    return x.add(chain(placed, attention(heads, end), mlp(end))(first.concat(...others)));
  };

export const edgenext = architecture({
  name: 'edgenext',
  paper: {
    title: 'EdgeNeXt: Efficiently Amalgamated CNN-Transformer Architecture for Mobile Vision Applications',
    authors: 'Maaz et al.',
    year: 2022,
    arxiv: '2206.10589',
  },
  options: {
    variant: choice(['xxs', 'xs', 's', 'base', 's-rw'], { doc: 'which of the nets', default: 'xxs' }),
    width: widthOption(),
    layerScale: real({ doc: 'where the scale of each branch begins', default: 1e-6, min: 0, max: 1 }),
    dropout: dropoutOption({ default: 0 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 256 }),
  },
  net: ({ variant, width, layerScale, dropout, dropPath, classes, size, channels }) => {
    const { widths, depths, heads } = variants[variant];
    const isStrided = variant === 's-rw';
    const end: Block = (x) => x.scale({ initial: layerScale }).dropPath(dropPath);
    const fitted = (c: number): number => heads * Math.max(1, Math.round((c * width) / heads));
    const out = (i: number): number => (isStrided ? fitted(widths[0]) * 2 ** i : fitted(widths[i] ?? 0));
    const patches = (x: Flow<'map'>, c: number, kernel: number): Flow<'map'> =>
      x.conv(c, { kernel, stride: kernel, padding: 'valid', bias });
    const wide = { kernel: 9, stride: 4, padding: [4, 4, 4, 4] } as const;
    const stem: Block = (x) => (isStrided ? x.conv(out(0), wide) : patches(x, out(0), 4)).layerNorm();
    const stage = (x: Flow<'map'>, i: number): Flow<'map'> => {
      const name = `stage${i + 1}`;
      const block = (j: number): Block => {
        const filter = { kernel: kernels[i] ?? 3, stride: isStrided && i && !j ? 2 : 1, bias: !isStrided };
        const isLast = i > 0 && j === (depths[i] ?? 1) - 1;
        return isLast ? split(i, heads, !isStrided, end) : convolution(out(i), filter, end);
      };
      const begun = i && !isStrided ? x.pipe(`${name}/down`, (y) => patches(y.layerNorm(), out(i), 2)) : x;
      return begun.stack(name, repeat(depths[i] ?? 1, block));
    };
    return [0, 1, 2, 3]
      .reduce(stage, image(size, channels).pipe('stem', stem))
      .pipe('head', (x) => x.globalPool().layerNorm().dropout(dropout).dense(classes));
  },
});
