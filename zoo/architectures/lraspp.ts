/**
 * @file LR-ASPP, semantic segmentation on MobileNetV3-Large. Howard et al., ICCV 2019, arXiv:1905.02244, section 6.4 and figure
 * 10, as in torchvision: the last stage is dilated in place of its stride, so that its maps have a 16th of the image's sides.
 * The result has the logits of each class at every pixel.
 */
import {
  architecture,
  blocksOf,
  common,
  convNormAct,
  type Flow,
  image,
  parseBlock,
  round8,
  sidesOf,
  widthOption,
} from '../../src/compose/index.ts';
import { large, mobilenetV3Large } from './mobilenet-v3.ts';

const act = 'hardSwish';
const norm = { eps: 1e-3, momentum: 0.99 }; // torchvision's, in the backbone
const units = 128;

/** Figure 10: the deep map gated by its own mean, upsampled, and classes of it and of the map of an eighth added. */
const head = (deep: Flow<'map'>, early: Flow<'map'>, classes: number): Flow<'map'> => {
  const gate = deep.globalPool().pipe('gate', (x) => x.dense(units, { bias: false }).act('sigmoid'));
  const [height, width] = early.shape;
  return early
    .pipe('early', (x) => x.conv(classes, { bias: true }))
    .add(
      deep
        .pipe('deep', convNormAct(units))
        .mul(gate)
        .resize([height, width])
        .pipe('classes', (x) => x.conv(classes, { bias: true })),
    );
};

export const lrasppMobilenetV3Large = architecture({
  name: 'lraspp-mobilenet-v3-large',
  paper: mobilenetV3Large.paper,
  options: { width: widthOption(), ...common({ classes: 21, size: 520 }) },
  net: ({ width, classes, size, channels }) => {
    const round = (c: number): number => round8(c * width);
    const squeeze = {
      gate: 'hardSigmoid',
      units: (ratio: number, _: number, expanded: number) => round8(ratio * expanded),
    } as const;
    let x = image(size, channels).pipe('stem', convNormAct(round(16), { kernel: 3, stride: 2, act, norm }));
    let early = x;
    large.stages.forEach((row, i) => {
      const isLast = i === large.stages.length - 1;
      const context = { act, norm, round, squeeze, dilation: isLast ? 2 : 1 } as const;
      const blocks = row.flatMap((text) => {
        const spec = parseBlock(text);
        return blocksOf(isLast ? { ...spec, stride: 1 } : spec, context);
      });
      for (const [j, block] of blocks.entries()) {
        x = x.pipe(`stage${i + 1}/${j}`, block);
        if (i === 2 && j === 0) early = x; // the first of an eighth
      }
    });
    return x.pipe('head', (y) =>
      head(y.pipe('mix', convNormAct(round(large.mix), { act, norm })), early, classes).resize(sidesOf(size)),
    );
  },
});
