/**
 * @file The larger RegNets X and Y. Radosavovic et al., CVPR 2020, arXiv:2003.13678, tables 8 and 9, with the constants of pycls (MIT);
 * regnet.ts has the blocks and what the constants mean.
 */
import { architecture, choice } from '../../src/compose/index.ts';
import { net, options, paper } from './regnet.ts';

/** The larger nets, by multiply-adds; those of torchvision whose widths differ are `tv`. */
const x = {
  '600mf': { w0: 48, wa: 36.97, wm: 2.24, depth: 16, group: 24 },
  '800mf': { w0: 56, wa: 35.73, wm: 2.28, depth: 16, group: 16 },
  '1.6gf': { w0: 80, wa: 34.01, wm: 2.25, depth: 18, group: 24 },
  '3.2gf': { w0: 88, wa: 26.31, wm: 2.25, depth: 25, group: 48 },
  '4gf': { w0: 96, wa: 38.65, wm: 2.43, depth: 23, group: 40 },
  '6.4gf': { w0: 184, wa: 60.83, wm: 2.07, depth: 17, group: 56 },
  '8gf': { w0: 80, wa: 49.56, wm: 2.88, depth: 23, group: 120 },
  '12gf': { w0: 168, wa: 73.36, wm: 2.37, depth: 19, group: 112 },
  '16gf': { w0: 216, wa: 55.59, wm: 2.1, depth: 22, group: 128 },
  '32gf': { w0: 320, wa: 69.86, wm: 2, depth: 23, group: 168 },
  '400mf-tv': { w0: 24, wa: 24.48, wm: 2.54, depth: 22, group: 16, share: 0.9 },
} as const;
const y = {
  '600mf': { w0: 48, wa: 32.54, wm: 2.32, depth: 15, group: 16 },
  '800mf': { w0: 56, wa: 38.84, wm: 2.4, depth: 14, group: 16 },
  '1.6gf': { w0: 48, wa: 20.71, wm: 2.65, depth: 27, group: 24 },
  '3.2gf': { w0: 80, wa: 42.63, wm: 2.66, depth: 21, group: 24 },
  '4gf': { w0: 96, wa: 31.41, wm: 2.24, depth: 22, group: 64 },
  '6.4gf': { w0: 112, wa: 33.22, wm: 2.27, depth: 25, group: 72 },
  '8gf': { w0: 192, wa: 76.82, wm: 2.19, depth: 17, group: 56 },
  '12gf': { w0: 168, wa: 73.36, wm: 2.37, depth: 19, group: 112 },
  '16gf': { w0: 200, wa: 106.23, wm: 2.48, depth: 18, group: 112 },
  '32gf': { w0: 232, wa: 115.89, wm: 2.53, depth: 20, group: 232 },
  '64gf': { w0: 352, wa: 147.48, wm: 2.4, depth: 20, group: 328 },
  '128gf': { w0: 456, wa: 160.83, wm: 2.52, depth: 27, group: 264 },
  '256gf': { w0: 640, wa: 230.83, wm: 2.53, depth: 27, group: 373 },
  '800mf-tv': { w0: 56, wa: 38.84, wm: 2.4, depth: 14, group: 16, share: 0.9 },
  '8gf-tv': { w0: 192, wa: 76.82, wm: 2.19, depth: 17, group: 56, share: 0.9 },
} as const;
const doc = 'which of the larger nets, by multiply-adds' as const;
export const regnetX = architecture({
  name: 'regnet-x',
  paper,
  options: {
    variant: choice(
      ['600mf', '800mf', '1.6gf', '3.2gf', '4gf', '6.4gf', '8gf', '12gf', '16gf', '32gf', '400mf-tv'],
      { doc, default: '600mf' },
    ),
    ...options,
  },
  net: ({ variant, ...o }) => net(x[variant], false, o),
});
export const regnetY = architecture({
  name: 'regnet-y',
  paper,
  options: {
    variant: choice(
      [
        '600mf',
        '800mf',
        '1.6gf',
        '3.2gf',
        '4gf',
        '6.4gf',
        '8gf',
        '12gf',
        '16gf',
        '32gf',
        '64gf',
        '128gf',
        '256gf',
        '800mf-tv',
        '8gf-tv',
      ],
      { doc, default: '600mf' },
    ),
    ...options,
  },
  net: ({ variant, ...o }) => net(y[variant], true, o),
});
