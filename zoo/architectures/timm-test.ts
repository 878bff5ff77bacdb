/**
 * @file Two of timm's nets for tests (Wightman 2024, timm.models `test_*`), small and pretrained: an EfficientNet in timm's
 * block strings and a ResNet of four blocks. They are no one's paper.
 */
import {
  architecture,
  type Block,
  bottleneck,
  common,
  convNorm,
  convNormAct,
  dropoutOption,
  image,
  residual,
  stagesOf,
} from '../../src/compose/index.ts';

export const paper = { title: 'PyTorch Image Models', authors: 'Wightman', year: 2024 };
export const options = { dropout: dropoutOption({ default: 0 }), ...common({ classes: 1000, size: 160 }) };

const stages = [
  ['cn_r1_k3_s1_e1_c16_skip'],
  ['er_r1_k3_s2_e4_c24'],
  ['er_r1_k3_s2_e4_c32'],
  ['ir_r1_k3_s2_e4_c48_se0.25'],
  ['ir_r1_k3_s2_e4_c64_se0.25'],
] as const;
const act = 'swish';
export const testEfficientnet = architecture({
  name: 'test-efficientnet',
  paper,
  options,
  net: ({ dropout, classes, size, channels }) => {
    const units = (ratio: number, inputs: number): number => Math.round(ratio * inputs);
    const stem = convNormAct(24, { kernel: 3, stride: 2, act });
    const body = stagesOf(stages, { act, squeeze: { act, units } });
    return body(image(size, channels).pipe('stem', stem)).pipe('head', (x) =>
      x.pipe('mix', convNormAct(256, { act })).globalPool().dropout(dropout).dense(classes),
    );
  },
});

/** The shortcut of ResNet-D: an average pool takes the stride, a 1x1 conv the channels. */
export const pooled =
  (out: number, stride: number): Block =>
  (x) =>
    (stride > 1 ? x.avgPool({ size: 2, padding: 'same' }) : x).pipe('shortcut', convNorm(out));
const block =
  (out: number, stride: number, deep = false): Block =>
  (x) => {
    const body: Block = deep
      ? bottleneck(out, { reduce: 4, stride })
      : (y) =>
          y
            .pipe('first', convNormAct(out, { kernel: 3, stride }))
            .pipe('second', convNorm(out, { kernel: 3 }));
    if (stride === 1 && x.channels === out) return residual(out, body)(x);
    return x.residual(body, pooled(out, stride)).relu();
  };
export const testResnet = architecture({
  name: 'test-resnet',
  paper,
  options,
  net: ({ dropout, classes, size, channels }) =>
    image(size, channels)
      .pipe('stem', (x) =>
        x
          .pipe('first', convNormAct(16, { kernel: 3, stride: 2 }))
          .pipe('second', convNormAct(16, { kernel: 3 }))
          .pipe('third', convNormAct(32, { kernel: 3 }))
          .maxPool({ size: 3, stride: 2, padding: [1, 1, 1, 1] }),
      )
      .pipe('stage1/0', block(32, 1))
      .pipe('stage2/0', block(48, 2))
      .pipe('stage3/0', block(192, 2, true))
      .pipe('stage4/0', block(96, 2))
      .pipe('head', (x) => x.globalPool().dropout(dropout).dense(classes)),
});
