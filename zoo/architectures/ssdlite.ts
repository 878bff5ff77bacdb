/**
 * @file SSD-Lite on MobileNetV3-Large, a detector of one step. Howard et al., ICCV 2019, arXiv:1905.02244, section 6.3, as in
 * torchvision: the last stage has half the channels of the classifier's. The head is that of ssd-head.ts.
 */
import {
  architecture,
  type Block,
  blocksOf,
  common,
  convNorm,
  convNormAct,
  depthwise,
  image,
  parseBlock,
  round8,
  squeezeExcite,
  stagesOf,
  whole,
  widthOption,
} from '../../src/compose/index.ts';
import { large, mobilenetV3Large } from './mobilenet-v3.ts';
import { norm, ofEarly, ofLast, usual } from './ssd-head.ts';

/** Channels of the last stage, half of the classifier's. */
const tail = 80;

/** MobileNetV3-Large whose last stage has half the channels, as the paper's detector (reduced tail). */
export const ssdliteMobilenetV3Large = architecture({
  name: 'ssdlite-mobilenet-v3-large',
  paper: mobilenetV3Large.paper,
  options: {
    width: widthOption(),
    anchors: whole({ doc: 'anchor boxes at each position', default: 6, min: 1, max: 64 }),
    ...common({ classes: 91, size: 320 }),
  },
  net: ({ width, anchors, classes, size, channels }) => {
    const act = 'hardSwish';
    const round = (c: number): number => round8(c * width);
    const units = (ratio: number, _: number, expanded: number): number => round8(ratio * expanded);
    const context = { act, norm, round, squeeze: { gate: 'hardSigmoid', units } } as const;
    const body = stagesOf(large.stages.slice(0, -1), context);
    const stem = convNormAct(round(16), { kernel: 3, stride: 2, act, norm });
    const x = body(image(size, channels).pipe('stem', stem));
    // the first block of the last stage is written out, since the head reads what it expands to
    const early = x.pipe('stage6/0/expand', convNormAct(round8(6 * x.channels), { act, norm }));
    const entry: Block = (y) =>
      y
        .pipe('filter', depthwise({ kernel: 5, stride: 2, act, norm }))
        .pipe('attention', squeezeExcite(units(0.25, 0, y.channels), { gate: 'hardSigmoid' }))
        .pipe('project', convNorm(round(tail), { norm }));
    const others = blocksOf(parseBlock(`ir_r2_k5_s1_e6_c${tail}_se0.25`), context);
    const deep = others.reduce(
      (y, block, i) => y.pipe(`stage6/${i + 1}`, block),
      early.pipe('stage6/0', entry),
    );
    const last = deep.pipe('head/mix', convNormAct(round(large.mix / 2), { act, norm }));
    const options = {
      classes,
      anchors,
      extras: usual.extras.map((c) => Math.max(16, Math.floor(c * width))),
    };
    return [...ofEarly(early, options), ...ofLast(last, options)];
  },
});
