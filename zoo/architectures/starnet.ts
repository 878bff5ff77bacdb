/**
 * @file StarNet. Ma et al., CVPR 2024, arXiv:2403.19967, table 7 (S1 to S4), and the very small S050, S100 and S150
 * of the released code (timm). All convs of a block have biases.
 */
import {
  architecture,
  around,
  type Block,
  common,
  dropPathOption,
  image,
  repeat,
  stochasticDepth,
  whereShapesAllow,
} from '../../src/compose/index.ts';

const act = 'relu6';
const filter: Block = (x) => x.depthwise({ kernel: 7, bias: true });

/** Figure 3: filter; the star, an elementwise product of two 1x1 convs; project; filter. */
const block = (expand: number, dropPath: number): Block =>
  whereShapesAllow((x) => {
    const y = x.pipe('filter', (z) => filter(z).norm());
    const wide: Block = (z) => z.conv(expand * x.channels, { bias: true });
    return y
      .pipe('left', (z) => wide(z).act(act))
      .mul(y.pipe('right', wide))
      .pipe('project', (z) => z.conv(x.channels, { bias: true }).norm())
      .pipe('last', filter);
  }, dropPath);

const down =
  (out: number): Block =>
  (x) =>
    x.conv(out, { kernel: 3, stride: 2, padding: around(3), bias: true }).norm();

interface Variant {
  readonly width: number;
  readonly depths: readonly number[];
  readonly expand: number;
}
/** Width of the first stage, doubled by each later one; blocks of each stage; expansion of the star. */
const starnet = (name: string, { width, depths, expand }: Variant) =>
  architecture({
    name,
    paper: { title: 'Rewrite the Stars', authors: 'Ma, Dai, Bai, Wang, Fu', year: 2024, arxiv: '2403.19967' },
    options: { dropPath: dropPathOption, ...common({ classes: 1000, size: 224 }) },
    net: ({ dropPath, classes, size, channels }) => {
      const blocks = depths.reduce((n, d) => n + d, 0);
      let place = 0;
      return depths
        .reduce(
          (x, n, i) =>
            x.pipe(`stage${i + 1}/down`, down(width * 2 ** i)).stack(
              `stage${i + 1}`,
              repeat(n, () => block(expand, stochasticDepth(dropPath, place++, blocks))),
            ),
          image(size, channels).pipe('stem', (x) => down(32)(x).act(act)),
        )
        .pipe('head', (x) => x.norm().globalPool().dense(classes));
    },
  });

export const starnetS050 = starnet('starnet-s050', { width: 16, depths: [1, 1, 3, 1], expand: 3 });
export const starnetS100 = starnet('starnet-s100', { width: 20, depths: [1, 2, 4, 1], expand: 4 });
export const starnetS150 = starnet('starnet-s150', { width: 24, depths: [1, 2, 4, 2], expand: 3 });
export const starnetS1 = starnet('starnet-s1', { width: 24, depths: [2, 2, 8, 3], expand: 4 });
export const starnetS2 = starnet('starnet-s2', { width: 32, depths: [1, 2, 6, 2], expand: 4 });
export const starnetS3 = starnet('starnet-s3', { width: 32, depths: [2, 2, 8, 4], expand: 4 });
export const starnetS4 = starnet('starnet-s4', { width: 32, depths: [3, 3, 12, 5], expand: 4 });
