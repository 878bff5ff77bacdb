/** @file Tensor names of torchvision's models (0.29) where they differ from timm's. */
import { type Place, pair, type Scheme } from './scheme.ts';
import { both } from './timm.ts';

const mobilenetV2: Scheme = {
  ends: {
    ...pair('stem', 'features.0.0', 'features.0.1'),
    'head/mix/conv': ({ blocks }) => `features.${blocks + 1}.0`,
    'head/mix/norm': ({ blocks }) => `features.${blocks + 1}.1`,
    'head/dense': 'classifier.1',
  },
  block: ({ index }) => `features.${index + 1}.conv`,
  parts: (p) => {
    const at = p.has('expand') ? 1 : 0;
    return {
      ...pair('expand', '0.0', '0.1'),
      ...pair('filter', `${at}.0`, `${at}.1`),
      ...pair('project', `${at + 1}`, `${at + 2}`),
    };
  },
};

const squeezed = ['attention/squeeze/dense', 'attention/excite/dense'];
/** Expansion, filter, squeeze and projection are numbered, those that are there. */
const numbered = (p: Place): Record<string, string> => {
  const there = ['expand', 'filter', 'attention', 'project'].filter((path) => p.has(path));
  const at = (path: string): number => there.indexOf(path);
  return {
    ...pair('expand', `${at('expand')}.0`, `${at('expand')}.1`),
    ...pair('filter', `${at('filter')}.0`, `${at('filter')}.1`),
    'attention/squeeze/dense': `${at('attention')}.fc1`,
    'attention/excite/dense': `${at('attention')}.fc2`,
    ...pair('project', `${at('project')}.0`, `${at('project')}.1`),
  };
};
const mobilenetV3: Scheme = {
  ends: {
    ...mobilenetV2.ends,
    'head/features/dense': 'classifier.0',
    'head/dense': 'classifier.3',
  },
  block: ({ index }) => `features.${index + 1}.block`,
  parts: numbered,
  pointwise: squeezed,
};
const efficientnet: Scheme = {
  ends: {
    ...pair('stem', 'features.0.0', 'features.0.1'),
    'head/mix/conv': ({ stages }) => `features.${stages + 1}.0`,
    'head/mix/norm': ({ stages }) => `features.${stages + 1}.1`,
    'head/dense': 'classifier.1',
  },
  block: ({ stage, block }) => `features.${stage + 1}.${block}.block`,
  parts: numbered,
  pointwise: squeezed,
};

/** Stem and first stage are one list of layers, activations counted. */
const mnasnet: Scheme = {
  ends: {
    ...pair('stem', 'layers.0', 'layers.1'),
    ...pair('head/mix', 'layers.14', 'layers.15'),
    'head/dense': 'classifier.1',
  },
  block: ({ stage, block }) => (stage ? `layers.${stage + 7}.${block}.layers` : 'layers'),
  parts: {
    ...pair('expand', '0', '1'),
    ...pair('filter', '3', '4'),
    ...pair('project', '6', '7'),
  },
};

const shufflenetV2: Scheme = {
  ends: {
    ...pair('stem', 'conv1.0', 'conv1.1'),
    ...pair('head/mix', 'conv5.0', 'conv5.1'),
    'head/dense': 'fc',
  },
  block: ({ stage, block }) => `stage${stage + 2}.${block}`,
  parts: {
    ...pair('left/filter', 'branch1.0', 'branch1.1'),
    ...pair('left/mix', 'branch1.2', 'branch1.3'),
    ...pair('right/first', 'branch2.0', 'branch2.1'),
    ...pair('right/filter', 'branch2.3', 'branch2.4'),
    ...pair('right/second', 'branch2.5', 'branch2.6'),
  },
};

/** Fires are counted together with the conv, its relu and the pools. */
const squeezenet: Scheme = {
  ends: { 'stem/conv': 'features.0', 'head/conv': 'classifier.1' },
  block: ({ index, stage }) => `features.${3 + index + stage}`,
  parts: { 'squeeze/conv': 'squeeze', 'expand1x1/conv': 'expand1x1', 'expand3x3/conv': 'expand3x3' },
};

const regnet: Scheme = {
  ends: { ...pair('stem', 'stem.0', 'stem.1'), 'head/dense': 'fc' },
  block: ({ stage, block }) => `trunk_output.block${stage + 1}.block${stage + 1}-${block}`,
  parts: {
    ...pair('narrow', 'f.a.0', 'f.a.1'),
    ...pair('filter', 'f.b.0', 'f.b.1'),
    'attention/squeeze/dense': 'f.se.fc1',
    'attention/excite/dense': 'f.se.fc2',
    ...pair('widen', 'f.c.0', 'f.c.1'),
    ...pair('shortcut', 'proj.0', 'proj.1'),
  },
  pointwise: squeezed,
};

const lraspp: Scheme = {
  ends: {
    ...pair('stem', 'backbone.0.0', 'backbone.0.1'),
    'head/mix/conv': ({ blocks }) => `backbone.${blocks + 1}.0`,
    'head/mix/norm': ({ blocks }) => `backbone.${blocks + 1}.1`,
    'head/gate/dense': 'classifier.scale.1',
    ...pair('head/deep', 'classifier.cbr.0', 'classifier.cbr.1'),
    'head/early/conv': 'classifier.low_classifier',
    'head/classes/conv': 'classifier.high_classifier',
  },
  block: ({ index }) => `backbone.${index + 1}.block`,
  parts: numbered,
  pointwise: [...squeezed, 'head/gate/dense'],
};

/** The backbone is cut within its last stage: what the head reads first is the expansion of that stage's first block. */
const ssdlite: Scheme = {
  ends: {
    ...pair('stem', 'backbone.features.0.0.0', 'backbone.features.0.0.1'),
    ...pair('head/mix', 'backbone.features.1.3.0', 'backbone.features.1.3.1'),
    ...Object.assign(
      {},
      ...[0, 1, 2, 3].map((i) => ({
        ...pair(`head/extra${i + 1}/narrow`, `backbone.extra.${i}.0.0`, `backbone.extra.${i}.0.1`),
        ...pair(`head/extra${i + 1}/filter`, `backbone.extra.${i}.1.0`, `backbone.extra.${i}.1.1`),
        ...pair(`head/extra${i + 1}/widen`, `backbone.extra.${i}.2.0`, `backbone.extra.${i}.2.1`),
      })),
      ...[0, 1, 2, 3, 4, 5].flatMap((i) =>
        (
          [
            ['classes', 'classification'],
            ['offsets', 'regression'],
          ] as const
        ).map(([ours, theirs]) => {
          const [path, module] = [`head/level${i}/${ours}`, `head.${theirs}_head.module_list.${i}`];
          return {
            ...pair(`${path}/filter`, `${module}.0.0`, `${module}.0.1`),
            [`${path}/predict/conv`]: `${module}.1`,
          };
        }),
      ),
    ),
  },
  block: ({ index }) => {
    if (index < 12) return `backbone.features.0.${index + 1}.block`;
    return index === 12 ? 'backbone.features' : `backbone.features.1.${index - 12}.block`;
  },
  parts: (p) =>
    p.index === 12
      ? {
          ...pair('expand', '0.13.0', '0.13.1'),
          ...pair('filter', '1.0.1.0', '1.0.1.1'),
          ...{ 'attention/squeeze/dense': '1.0.2.fc1', 'attention/excite/dense': '1.0.2.fc2' },
          ...pair('project', '1.0.3.0', '1.0.3.1'),
        }
      : numbered(p),
  pointwise: squeezed,
};

const convnext: Scheme = {
  ends: {
    ...{ 'stem/conv': 'features.0.0', 'stem/layerNorm': 'features.0.1' },
    'stage/down/layerNorm': (_, stage) => `features.${2 * stage}.0`,
    'stage/down/conv': (_, stage) => `features.${2 * stage}.1`,
    ...{ 'head/layerNorm': 'classifier.0', 'head/dense': 'classifier.2' },
  },
  block: ({ stage, block }) => `features.${2 * stage + 1}.${block}`,
  parts: {
    ...{ 'filter/conv': 'block.0', 'filter/layerNorm': 'block.2' },
    ...{ 'expand/conv': 'block.3', 'project/conv': 'block.5', 'project/scale': 'layer_scale' },
  },
  pointwise: ['expand/conv', 'project/conv'],
};

export const torchvision: Readonly<Record<string, Scheme>> = {
  ...both,
  'mobilenet-v2': mobilenetV2,
  'mobilenet-v3-small': mobilenetV3,
  'mobilenet-v3-large': mobilenetV3,
  ...Object.fromEntries([0, 1, 2, 3].map((i) => [`efficientnet-b${i}`, efficientnet])),
  mnasnet,
  convnext,
  'lraspp-mobilenet-v3-large': lraspp,
  'ssdlite-mobilenet-v3-large': ssdlite,
  'shufflenet-v2': shufflenetV2,
  squeezenet,
  'regnet-x': regnet,
  'regnet-y': regnet,
  'regnet-x-400mf': regnet,
  'regnet-y-400mf': regnet,
};
