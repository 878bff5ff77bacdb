/** @file Tensor names of timm's models (1.0), and of torchvision's where both agree. */
import { type Counts, type Place, pair, type Scheme } from './scheme.ts';
import { ghostnet, repGhostnet } from './timm-ghost.ts';
import { later } from './timm-later.ts';
import { features, squeeze, squeezed, stem } from './timm-parts.ts';

/** timm.models._efficientnet_blocks: InvertedResidual, DepthwiseSeparableConv, ConvBnAct. */
const parts = (p: Place): Record<string, string> => {
  if (p.has('expand'))
    return {
      ...pair('expand', 'conv_pw', 'bn1'),
      ...pair('filter', 'conv_dw', 'bn2'),
      ...squeeze,
      ...pair('project', 'conv_pwl', 'bn3'),
    };
  if (!p.has('filter')) return { conv: 'conv', norm: 'bn1' };
  return {
    ...pair('filter', 'conv_dw', 'bn1'),
    ...squeeze,
    ...pair('project', 'conv_pw', 'bn2'),
    ...pair('mix', 'conv_pw', 'bn2'),
  };
};
/** EdgeResidual. */
const edge = {
  ...pair('expand', 'conv_exp', 'bn1'),
  ...squeeze,
  ...pair('project', 'conv_pwl', 'bn2'),
};
/** UniversalInvertedResidual; the first stage has none. */
const universal = (p: Place): Record<string, string> =>
  p.has('expand') && p.stage === 0
    ? edge
    : p.has('expand')
      ? {
          ...pair('start', 'dw_start.conv', 'dw_start.bn'),
          ...pair('expand', 'pw_exp.conv', 'pw_exp.bn'),
          ...pair('filter', 'dw_mid.conv', 'dw_mid.bn'),
          ...pair('project', 'pw_proj.conv', 'pw_proj.bn'),
          ...pair('end', 'dw_end.conv', 'dw_end.bn'),
          'end/scale': 'layer_scale.gamma',
        }
      : p.has('attention/query')
        ? multiQuery
        : parts(p);
const projected = (ours: string): Record<string, string> => ({
  ...pair(`attention/${ours}`, `attn.${ours}.down_conv`, `attn.${ours}.norm`),
  [`attention/${ours}/project/conv`]: `attn.${ours}.proj`,
});
/** MobileAttention. */
const multiQuery: Record<string, string> = {
  norm: 'norm',
  'attention/query/conv': 'attn.query.proj',
  ...projected('key'),
  ...projected('value'),
  'attention/conv': 'attn.output.proj',
  'end/scale': 'layer_scale.gamma',
};
const inStage = {
  block: ({ stage, block }: Place) => `blocks.${stage}.${block}`,
  parts,
  pointwise: squeezed,
};

/** The head's conv before the pool. */
const efficientnet: Scheme = {
  ...inStage,
  ends: { ...stem, ...pair('head/mix', 'conv_head', 'bn2'), 'head/dense': 'classifier' },
};
const mobilenetV1: Scheme = { ...inStage, ends: { ...stem, 'head/dense': 'classifier' } };
/** The head's conv after the pool, that before the pool as one more stage. */
const lastStage = {
  'head/mix/conv': ({ stages }: Counts) => `blocks.${stages}.0.conv`,
  'head/mix/norm': ({ stages }: Counts) => `blocks.${stages}.0.bn1`,
};
const mobilenetV3: Scheme = {
  ...inStage,
  ends: { ...stem, ...lastStage, ...features },
  pointwise: [...squeezed, 'head/features/dense'],
};
const mobilenetV4: Scheme = {
  ...mobilenetV3,
  parts: universal,
  ends: { ...mobilenetV3.ends, 'head/features/norm': 'norm_head' },
};
const lcnet: Scheme = { ...mobilenetV3, ends: { ...stem, ...features } };

const regnet: Scheme = {
  ends: { ...pair('stem', 'stem.conv', 'stem.bn'), 'head/dense': 'head.fc' },
  block: ({ stage, block }) => `s${stage + 1}.b${block + 1}`,
  parts: {
    ...pair('narrow', 'conv1.conv', 'conv1.bn'),
    ...pair('filter', 'conv2.conv', 'conv2.bn'),
    'attention/squeeze/dense': 'se.fc1',
    'attention/excite/dense': 'se.fc2',
    ...pair('widen', 'conv3.conv', 'conv3.bn'),
    ...pair('shortcut', 'downsample.conv', 'downsample.bn'),
  },
  pointwise: squeezed,
};

/** timm.models.byobnet. */
const repvggBranches = {
  conv: 'reparam_conv',
  ...pair('branch0', 'conv_kxk.conv', 'conv_kxk.bn'),
  ...pair('point', 'conv_1x1.conv', 'conv_1x1.bn'),
  'identity/norm': 'identity',
  'attention/squeeze/dense': 'attn.fc1',
  'attention/excite/dense': 'attn.fc2',
};
const under = (prefix: string, table: Readonly<Record<string, string>>, to: string): Record<string, string> =>
  Object.fromEntries(Object.entries(table).map(([path, name]) => [`${prefix}/${path}`, `${to}${name}`]));
const repvgg: Scheme = {
  ends: { ...under('stem', repvggBranches, 'stem.'), 'head/dense': 'head.fc' },
  block: ({ stage, block }) => `stages.${stage}.${block}`,
  parts: repvggBranches,
  pointwise: squeezed,
};
const mobileoneBranches = {
  conv: 'reparam_conv',
  ...Object.fromEntries(
    [0, 1, 2, 3].flatMap((i) => Object.entries(pair(`branch${i}`, `conv_kxk.${i}.conv`, `conv_kxk.${i}.bn`))),
  ),
  ...pair('point', 'conv_scale.conv', 'conv_scale.bn'),
  'identity/norm': 'identity',
  'attention/squeeze/dense': 'attn.fc1',
  'attention/excite/dense': 'attn.fc2',
};
/** One of two branches that is alone stands without a path of its own, and has a norm beside it. */
const alone = { ...mobileoneBranches, conv: 'conv_kxk.0.conv', norm: 'conv_kxk.0.bn' };
const mobileone: Scheme = {
  ends: { ...under('stem', mobileoneBranches, 'stem.'), 'head/dense': 'head.fc' },
  block: ({ stage }) => `stages.${stage}`,
  parts: (p) => {
    const branches = (path: string): Record<string, string> =>
      p.hasNode(`${path}/norm`) ? alone : mobileoneBranches;
    return {
      ...under('filter', branches('filter'), `${2 * p.block}.`),
      ...under('mix', branches('mix'), `${2 * p.block + 1}.`),
    };
  },
  pointwise: ['filter', 'mix'].flatMap((path) => squeezed.map((part) => `${path}/${part}`)),
};

const fasternet: Scheme = {
  ends: {
    ...pair('stem', 'patch_embed.proj', 'patch_embed.norm'),
    'stage/merge/conv': (_, stage) => `stages.${stage}.downsample.reduction`,
    'stage/merge/norm': (_, stage) => `stages.${stage}.downsample.norm`,
    ...features,
  },
  block: ({ stage, block }) => `stages.${stage}.blocks.${block}`,
  parts: {
    'partial/conv': 'spatial_mixing.partial_conv3',
    ...pair('expand', 'mlp.0', 'mlp.1'),
    'project/conv': 'mlp.3',
  },
  pointwise: ['head/features/dense'],
};

const starnet: Scheme = {
  ends: {
    ...pair('stem', 'stem.0.conv', 'stem.0.bn'),
    'stage/down/conv': (_, stage) => `stages.${stage}.0.conv`,
    'stage/down/norm': (_, stage) => `stages.${stage}.0.bn`,
    'head/norm': 'norm',
    'head/dense': 'head',
  },
  block: ({ stage, block }) => `stages.${stage}.${block + 1}`,
  parts: {
    ...pair('filter', 'dwconv.conv', 'dwconv.bn'),
    'left/conv': 'f1.conv',
    'right/conv': 'f2.conv',
    ...pair('project', 'g.conv', 'g.bn'),
    'last/conv': 'dwconv2.conv',
  },
};

/** timm's legacy_xception; `rep` counts relus, too. */
const xception: Scheme = {
  ends: {
    ...pair('stem/first', 'conv1', 'bn1'),
    ...pair('stem/second', 'conv2', 'bn2'),
    'head/first/filter/conv': 'conv3.conv1',
    ...pair('head/first/mix', 'conv3.pointwise', 'bn3'),
    'head/second/filter/conv': 'conv4.conv1',
    ...pair('head/second/mix', 'conv4.pointwise', 'bn4'),
    'head/dense': 'fc',
  },
  block: ({ index }) => `block${index + 1}`,
  parts: ({ index }) => ({
    ...pair('shortcut', 'skip', 'skipbn'),
    ...Object.fromEntries(
      [0, 1, 2].flatMap((i) => {
        const at = 3 * i + (index ? 1 : 0); // the first block begins without relu
        return [
          [`separable${i}/filter/conv`, `rep.${at}.conv1`],
          [`separable${i}/mix/conv`, `rep.${at}.pointwise`],
          [`separable${i}/mix/norm`, `rep.${at + 1}`],
        ];
      }),
    ),
  }),
};

/** The same in torchvision. */
const resnet: Scheme = {
  ends: {
    ...pair('stem', 'conv1', 'bn1'),
    ...pair('stem/first', 'conv1.0', 'conv1.1'),
    ...pair('stem/second', 'conv1.3', 'conv1.4'),
    ...pair('stem/third', 'conv1.6', 'bn1'),
    'head/dense': 'fc',
  },
  block: ({ stage, block }) => `layer${stage + 1}.${block}`,
  parts: {
    ...pair('first', 'conv1', 'bn1'),
    ...pair('second', 'conv2', 'bn2'),
    ...pair('narrow', 'conv1', 'bn1'),
    ...pair('filter', 'conv2', 'bn2'),
    ...pair('widen', 'conv3', 'bn3'),
    ...pair('shortcut', 'downsample.0', 'downsample.1'),
    ...pair('pooled/shortcut', 'downsample.1', 'downsample.2'),
    'attention/squeeze/dense': 'se.fc1',
    'attention/excite/dense': 'se.fc2',
  },
  pointwise: squeezed,
};
/** The same in torchvision. */
const densenet: Scheme = {
  ends: {
    ...pair('stem', 'features.conv0', 'features.norm0'),
    'stage/transition/norm': (_, stage) => `features.transition${stage}.norm`,
    'stage/transition/conv': (_, stage) => `features.transition${stage}.conv`,
    'head/norm': 'features.norm5',
    'head/dense': 'classifier',
  },
  block: ({ stage, block }) => `features.denseblock${stage + 1}.denselayer${block + 1}`,
  parts: { ...pair('narrow', 'conv1', 'norm1'), ...pair('filter', 'conv2', 'norm2') },
};

export const both: Readonly<Record<string, Scheme>> = {
  'resnet-18': resnet,
  'resnet-34': resnet,
  'resnet-50': resnet,
  resnet,
  'resnext-50': resnet,
  densenet,
  'densenet-121': densenet,
};
const named = (stem: string, variants: readonly string[], scheme: Scheme): Record<string, Scheme> =>
  Object.fromEntries(variants.map((v) => [`${stem}-${v}`, scheme]));
export const timm: Readonly<Record<string, Scheme>> = {
  ...both,
  'mobilenet-v1': mobilenetV1,
  'mobilenet-v2': efficientnet,
  ...named('mobilenet-v3', ['small', 'large'], mobilenetV3),
  ...named('mobilenet-v4-conv', ['small', 'medium', 'large'], mobilenetV4),
  ...named('mobilenet-v4-hybrid', ['medium', 'large'], mobilenetV4),
  mnasnet: efficientnet,
  ...named(
    'efficientnet',
    ['b0', 'b1', 'b2', 'b3', 'lite0', 'lite1', 'lite2', 'lite3', 'lite4'],
    efficientnet,
  ),
  ...named('tinynet', ['a', 'b', 'c', 'd', 'e'], efficientnet),
  'fbnet-c': efficientnet,
  'fbnet-v3': mobilenetV3,
  hardcorenas: mobilenetV3,
  lcnet,
  ghostnet,
  'ghostnet-v2': ghostnet,
  'ghostnet-v3': ghostnet,
  repghostnet: repGhostnet,
  'regnet-x': regnet,
  'regnet-y': regnet,
  ...named('regnet', ['x-200mf', 'x-400mf', 'y-200mf', 'y-400mf'], regnet),
  repvgg,
  ...named('repvgg', ['a0', 'a1'], repvgg),
  ...named('mobileone', ['s0', 's1', 's2', 's3', 's4'], mobileone),
  'fasternet-t0': fasternet,
  ...named('starnet', ['s050', 's100', 's150', 's1', 's2', 's3', 's4'], starnet),
  xception,
  ...later,
};
