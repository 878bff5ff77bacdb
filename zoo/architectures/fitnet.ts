/**
 * @file FitNets 1 to 4: thin, deep maxout nets. Romero et al., ICLR 2015, arXiv:1412.6550, table 5 and appendix.
 * The paper's counts are of weights without biases, and with two pieces in the last maxout as everywhere; so it is
 * here unless `bias=true`. Deviation: its table prints 32, 48, 64, 64 for the first stage of FitNet 3; only
 * 64, 64, 64, 64 gives the 1.6 M weights and 392 M multiplications that it reports.
 */
import { architecture, type Block, common, flag, image, maxoutConv } from '../../src/compose/index.ts';

// maxout units of the 3x3 convs of each stage; a max pool ends each, the last over the whole map
const nets = {
  'fitnet-1': [
    [16, 16, 16],
    [32, 32, 32],
    [48, 48, 64],
  ],
  'fitnet-2': [
    [16, 32, 32],
    [48, 64, 80],
    [96, 96, 128],
  ],
  'fitnet-3': [
    [64, 64, 64, 64],
    [80, 80, 80, 80],
    [128, 128, 128],
  ],
  'fitnet-4': [
    [32, 32, 32, 48, 48],
    [80, 80, 80, 80, 80, 80],
    [128, 128, 128, 128, 128, 128],
  ],
} as const;

const fitnet = (name: keyof typeof nets) =>
  architecture({
    name,
    paper: {
      title: 'FitNets: Hints for Thin Deep Nets',
      authors: 'Romero et al.',
      year: 2015,
      arxiv: '1412.6550',
    },
    options: {
      bias: flag({ doc: 'biases in convs and dense layers', default: false }),
      norm: flag({
        doc: 'batch norm before each maxout of a conv, which the paper did not have',
        default: false,
      }),
      ...common({ classes: 10, size: 32 }),
    },
    net: ({ bias, norm, classes, size, channels }) => {
      const unit = (c: number): Block => maxoutConv(c, { bias, norm: norm ? {} : false });
      const [first, ...later]: readonly (readonly number[])[] = nets[name];
      const [stemUnits = 0, ...more] = first ?? [];
      const stem = image(size, channels).pipe('stem', unit(stemUnits));
      return later
        .reduce(
          (x, [entry = 0, ...units], i) =>
            x.stack(`stage${i + 2}`, [(y) => unit(entry)(y.maxPool({ size: 2 })), ...units.map(unit)]),
          stem.stack('stage1', more.map(unit)),
        )
        .pipe('head', (x) => x.globalPool('max').dense(1000, { bias }).maxout(2).dense(classes, { bias }));
    },
  });

export const fitnet1 = fitnet('fitnet-1');
export const fitnet2 = fitnet('fitnet-2');
export const fitnet3 = fitnet('fitnet-3');
export const fitnet4 = fitnet('fitnet-4');
