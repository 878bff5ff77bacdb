/** @file Blocks of FastViT (fastvit.ts): patches, token mixers and mlps, in the form for training or for deployment. */
import { around, type Block, convNorm, reparameterized } from '../../src/compose/index.ts';

export const act = 'gelu';
export type Form = 'train' | 'deploy';

/** Figure 2d without its norm in deployment: a 7x7 filter and a 3x3 one, then a 1x1 conv; `end` stands between them. */
export const patches =
  (out: number, form: Form, end: Block): Block =>
  (x) => {
    const shared = { stride: 2, groups: x.channels };
    const filter: Block = (y) =>
      form === 'deploy'
        ? y.conv(out, { ...shared, kernel: 7, padding: around(7), bias: true })
        : y
            .pipe('large', convNorm(out, { ...shared, kernel: 7 }))
            .add(y.pipe('small', convNorm(out, { ...shared, kernel: 3 })));
    return x.pipe('filter', (y) => end(filter(y))).pipe('mix', reparameterized(out, { form, act }));
  };
/** RepMixer: x + s (filter(x) - norm(x)), section 3.2 and equation 2; one filter in deployment. */
export const mixer =
  (form: Form, initial: number): Block =>
  (x) => {
    const groups = x.channels;
    if (form === 'deploy') return x.conv(groups, { kernel: 3, groups, bias: true });
    const filtered = x.pipe('filter', reparameterized(groups, { kernel: 3, groups, form, act: 'none' }));
    const minus = x.pipe('skip', (y) => y.norm()).act('negate');
    return x.add(filtered.add(minus).scale({ initial }));
  };
/** Heads of 32 channels. */
export const attention =
  (norm: Block): Block =>
  (x) => {
    const c = x.channels;
    const qkv = norm(x).pipe('qkv', (y) => y.conv(3 * c));
    const [q, k, v] = [qkv.slice(0, c), qkv.slice(c, 2 * c), qkv.slice(2 * c, 3 * c)];
    return q.attention(k, v, { heads: c / 32 }).pipe('project', (y) => y.conv(c, { bias: true }));
  };
export const mlp =
  (expand: number): Block =>
  (x) =>
    x
      .pipe('filter', convNorm(x.channels, { kernel: 7, groups: x.channels }))
      .pipe('expand', (y) => y.conv(expand * x.channels, { bias: true }).act(act))
      .pipe('project', (y) => y.conv(x.channels, { bias: true }));
