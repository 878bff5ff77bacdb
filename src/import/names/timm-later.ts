/** @file Tensor names of timm's models (1.0), continued: families whose blocks are named as in no other. */
import type { Graph } from '../../graph/index.ts';
import { type Counts, type Place, pair, type Scheme } from './scheme.ts';
import { fullyConnected, squeeze, squeezed, stem } from './timm-parts.ts';
import { tokens } from './timm-tokens.ts';

const numbered = (n: number, path: (i: number) => string, name: (i: number) => string) =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [path(i), name(i)]));
const mix = pair('head/mix', 'conv_head', 'bn2');
/** Mixed convs are lists, of five parts at most. */
const parted = (ours: string, conv: string, norm: string): Record<string, string> => ({
  ...pair(ours, conv, norm),
  ...numbered(
    5,
    (i) => `${ours}/part${i}/conv`,
    (i) => `${conv}.${i}`,
  ),
});
const mixnet: Scheme = {
  ends: { ...stem, ...mix, 'head/dense': 'classifier' },
  block: ({ stage, block }) => `blocks.${stage}.${block}`,
  parts: (p) =>
    p.stage
      ? {
          ...parted('expand', 'conv_pw', 'bn1'),
          ...parted('filter', 'conv_dw', 'bn2'),
          ...squeeze,
          ...parted('project', 'conv_pwl', 'bn3'),
        }
      : { ...pair('filter', 'conv_dw', 'bn1'), ...pair('project', 'conv_pw', 'bn2') },
  pointwise: squeezed,
};

const testEfficientnet: Scheme = {
  ends: mixnet.ends,
  block: ({ stage, block }) => `blocks.${stage}.${block}`,
  parts: (p) =>
    !p.has('expand')
      ? { conv: 'conv', norm: 'bn1' }
      : p.has('filter')
        ? {
            ...pair('expand', 'conv_pw', 'bn1'),
            ...pair('filter', 'conv_dw', 'bn2'),
            ...squeeze,
            ...pair('project', 'conv_pwl', 'bn3'),
          }
        : { ...pair('expand', 'conv_exp', 'bn1'), ...pair('project', 'conv_pwl', 'bn2') },
  pointwise: squeezed,
};
const testResnet: Scheme = {
  ends: {
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
    ...pair('shortcut', 'downsample.1', 'downsample.2'),
  },
};

/** Edge, dark, basic and bottleneck: the convs of a block, and its squeeze and excite. */
const byobnetBlocks = [
  ['conv1_kxk', 'conv2_1x1', 'attn'],
  ['conv1_1x1', 'conv2_kxk', 'attn_last'],
  ['conv1_kxk', 'conv2_kxk', 'attn_last'],
  ['conv1_1x1', 'conv2_kxk', 'conv3_1x1', 'attn'],
];
const testByobnet: Scheme = {
  ends: { ...pair('stem', 'stem.conv', 'stem.bn'), 'head/dense': 'head.fc' },
  block: ({ stage }) => `stages.${stage}.0`,
  parts: ({ stage }) => {
    const names = byobnetBlocks[stage] ?? [];
    const convs = names.slice(0, -1).map((conv, i) => pair(`conv${i + 1}`, `${conv}.conv`, `${conv}.bn`));
    return {
      ...Object.assign({}, ...convs),
      'attention/squeeze/dense': `${names.at(-1)}.fc1`,
      'attention/excite/dense': `${names.at(-1)}.fc2`,
      ...pair('shortcut', 'shortcut.conv.conv', 'shortcut.conv.bn'),
    };
  },
  pointwise: squeezed,
};

const rexnet: Scheme = {
  ends: {
    ...pair('stem', 'stem.conv', 'stem.bn'),
    'head/mix/conv': ({ blocks }: Counts) => `features.${blocks}.conv`,
    'head/mix/norm': ({ blocks }: Counts) => `features.${blocks}.bn`,
    'head/dense': 'head.fc',
  },
  block: ({ index }) => `features.${index}`,
  parts: {
    ...pair('expand', 'conv_exp.conv', 'conv_exp.bn'),
    ...pair('filter', 'conv_dw.conv', 'conv_dw.bn'),
    ...fullyConnected,
    'attention/squeeze/norm': 'se.bn',
    ...pair('project', 'conv_pwl.conv', 'conv_pwl.bn'),
  },
  pointwise: squeezed,
};

const tokenMixer = (ours: string, theirs: string): Record<string, string> => ({
  ...pair(`${ours}filter`, `${theirs}conv.c`, `${theirs}conv.bn`),
  ...pair(`${ours}scale`, `${theirs}conv1.c`, `${theirs}conv1.bn`),
  [`${ours}point/conv`]: `${theirs}conv1`,
  [`${ours}norm`]: `${theirs}bn`,
});
const channelMixer = (ours: string, theirs: string): Record<string, string> => ({
  ...pair(`${ours}expand`, `${theirs}conv1.c`, `${theirs}conv1.bn`),
  ...pair(`${ours}project`, `${theirs}conv2.c`, `${theirs}conv2.bn`),
});
const down = {
  ...tokenMixer('before/', 'pre_block.token_mixer.'),
  ...channelMixer('before/', 'pre_block.channel_mixer.'),
  ...pair('filter', 'spatial_downsample.c', 'spatial_downsample.bn'),
  ...pair('mix', 'channel_downsample.c', 'channel_downsample.bn'),
  ...channelMixer('after/', 'ffn.'),
};
const repvit: Scheme = {
  ends: {
    ...pair('stem/first', 'stem.conv1.c', 'stem.conv1.bn'),
    ...pair('stem/second', 'stem.conv2.c', 'stem.conv2.bn'),
    ...Object.fromEntries(
      Object.entries(down).map(([path, name]) => [
        `stage/down/${path}`,
        (_: Counts, stage: number) => `stages.${stage}.downsample.${name}`,
      ]),
    ),
    'head/norm': 'head.head.bn',
    'head/dense': 'head.head.l',
    'head/teacher/norm': 'head.head_dist.bn',
    'head/teacher/dense': 'head.head_dist.l',
  },
  block: ({ stage, block }) => `stages.${stage}.blocks.${block}`,
  parts: { ...tokenMixer('', 'token_mixer.'), ...fullyConnected, ...channelMixer('', 'channel_mixer.') },
  pointwise: squeezed,
};

const lcnetV2: Scheme = {
  ends: {
    ...pair('stem/first', 'stem.0.conv', 'stem.0.bn'),
    ...pair('stem/second/filter', 'stem.1.dw_conv.conv', 'stem.1.dw_conv.bn'),
    ...pair('stem/second/mix', 'stem.1.pw_conv.conv', 'stem.1.pw_conv.bn'),
    'head/features/dense': 'conv_head',
    'head/dense': 'classifier',
  },
  block: ({ stage, block }) => `stages.${stage}.${block}`,
  parts: (p: Place) => {
    const folded = p.hasNode('filter/conv') && !p.hasNode('filter/norm');
    const last = p.has('narrow') ? 'pw_conv.1' : 'pw_conv';
    return {
      ...(folded ? { 'filter/conv': 'dw_conv' } : pair('filter', 'dw_conv.conv', 'dw_conv.bn')),
      ...numbered(
        3,
        (i) => `filter/branch${i}/conv`,
        (i) => `dw_conv_list.${i}.conv`,
      ),
      ...numbered(
        3,
        (i) => `filter/branch${i}/norm`,
        (i) => `dw_conv_list.${i}.bn`,
      ),
      ...fullyConnected,
      ...pair('narrow', 'pw_conv.0.conv', 'pw_conv.0.bn'),
      ...pair('mix', `${last}.conv`, `${last}.bn`),
    };
  },
  pointwise: [...squeezed, 'head/features/dense'],
};

/** Without conv_mlp, the 1x1 convs of blocks are linear layers: from tiny on, but for the head with its norm first. */
const hasLinear = ({ name }: Graph): boolean =>
  /variant=(tiny|small|base|large|xlarge|xxlarge|huge|test[23]?)\b/.test(name) && !/\bhead=norm\b/.test(name);
const convnext: Scheme = {
  ends: {
    'stem/conv': 'stem.0',
    'stem/conv_2': 'stem.1',
    'stem/layerNorm': ({ has }) => (has('stem/conv_2') ? 'stem.2' : 'stem.1'),
    'stage/down/layerNorm': (_, stage) => `stages.${stage}.downsample.0`,
    'stage/down/conv': (_, stage) => `stages.${stage}.downsample.1`,
    'head/layerNorm': ({ graph }) => (/\bhead=norm\b/.test(graph.name) ? 'norm_pre' : 'head.norm'),
    'head/features/dense': 'head.pre_logits.fc',
    'head/dense': 'head.fc',
  },
  block: ({ stage, block }) => `stages.${stage}.blocks.${block}`,
  parts: {
    'filter/conv': 'conv_dw',
    'filter/layerNorm': 'norm',
    'expand/conv': 'mlp.fc1',
    'expand/responseNorm': 'mlp.grn',
    'project/conv': 'mlp.fc2',
    'project/scale': 'gamma',
  },
  pointwise: (graph) => (hasLinear(graph) ? ['expand/conv', 'project/conv'] : []),
};

const inceptionNext: Scheme = {
  ends: {
    ...pair('stem', 'stem.0', 'stem.1'),
    'stage/down/norm': (_, stage) => `stages.${stage}.downsample.0`,
    'stage/down/conv': (_, stage) => `stages.${stage}.downsample.1`,
    'head/features/dense': 'head.fc1',
    'head/features/layerNorm': 'head.norm',
    'head/dense': 'head.fc2',
  },
  block: ({ stage, block }) => `stages.${stage}.blocks.${block}`,
  parts: {
    'filter/square/conv': 'token_mixer.dwconv_hw',
    'filter/row/conv': 'token_mixer.dwconv_w',
    'filter/column/conv': 'token_mixer.dwconv_h',
    'filter/norm': 'norm',
    'expand/conv': 'mlp.fc1',
    'project/conv': 'mlp.fc2',
    'project/scale': 'gamma',
  },
};

/** MBConv of efficientvit_mit, in a residual module but for local_module. */
const invertedParts = (ours: string, theirs: string): Record<string, string> => ({
  ...pair(`${ours}expand`, `${theirs}inverted_conv.conv`, `${theirs}inverted_conv.norm`),
  ...pair(`${ours}filter`, `${theirs}depth_conv.conv`, `${theirs}depth_conv.norm`),
  ...pair(`${ours}project`, `${theirs}point_conv.conv`, `${theirs}point_conv.norm`),
});
const stemBlocks = Object.fromEntries(
  [0, 1, 2, 3].flatMap((i) => Object.entries(invertedParts(`stem/local${i}/`, `stem.res${i}.main.`))),
);
const efficientvit: Scheme = {
  ends: {
    ...pair('stem', 'stem.in_conv.conv', 'stem.in_conv.norm'),
    ...stemBlocks,
    ...pair('head/mix', 'head.in_conv.conv', 'head.in_conv.norm'),
    'head/features/dense': 'head.classifier.0',
    'head/features/layerNorm': 'head.classifier.1',
    'head/dense': 'head.classifier.4',
  },
  block: ({ stage, block }) => `stages.${stage}.blocks.${block}`,
  parts: {
    ...invertedParts('', 'main.'),
    'attention/qkv/conv': 'context_module.main.qkv.conv',
    'attention/sums/conv': 'context_module.main.aggreg.0.0',
    'attention/sums/conv_2': 'context_module.main.aggreg.0.1',
    ...pair('attention/project', 'context_module.main.proj.conv', 'context_module.main.proj.norm'),
    ...invertedParts('local/', 'local_module.main.'),
  },
};

const withNorm = (ours: string, theirs: string): Record<string, string> =>
  pair(ours, `${theirs}.linear`, `${theirs}.bn`);
const levitMlp = (theirs: string): Record<string, string> => ({
  ...withNorm('mlp/expand', `${theirs}mlp.ln1`),
  ...withNorm('mlp/narrow', `${theirs}mlp.ln2`),
});
const levitDown = {
  ...withNorm('attention/kv', 'attn_downsample.kv'),
  ...withNorm('attention/q', 'attn_downsample.q.ln'),
  'attention/attention': 'attn_downsample.attention_biases',
  ...withNorm('attention/project', 'attn_downsample.proj.ln'),
  ...levitMlp(''),
};
const levitParts = {
  ...withNorm('attention/qkv', 'attn.qkv'),
  'attention/attention': 'attn.attention_biases',
  ...withNorm('attention/project', 'attn.proj.ln'),
  ...levitMlp(''),
};
const levit: Scheme = {
  ends: {
    ...Object.assign({}, ...[1, 2, 3, 4].map((i) => withNorm(`stem/conv${i}`, `stem.conv${i}`))),
    ...Object.fromEntries(
      Object.entries(levitDown).map(([path, name]) => [
        `stage/down/${path}`,
        (_: Counts, stage: number) => `stages.${stage}.downsample.${name}`,
      ]),
    ),
    'head/norm': 'head.bn',
    'head/dense': 'head.linear',
    'head/teacher/norm': 'head_dist.bn',
    'head/teacher/dense': 'head_dist.linear',
  },
  block: ({ stage, block }) => `stages.${stage}.blocks.${block}`,
  parts: levitParts,
  // linear layers over tokens, but for the stem
  pointwise: ({ nodes }) => [
    ...Object.keys(levitParts),
    ...nodes.flatMap(({ id }) => (/^stage\d+\/down\//.test(id) ? [id] : [])),
  ],
};

/** MobileOneBlock. */
const fastvitBranches = (ours: string, theirs: string): Record<string, string> => ({
  ...pair(`${ours}branch0`, `${theirs}conv_kxk.0.conv`, `${theirs}conv_kxk.0.bn`),
  ...pair(`${ours}point`, `${theirs}conv_scale.conv`, `${theirs}conv_scale.bn`),
  [`${ours}identity/norm`]: `${theirs}identity`,
  [`${ours}conv`]: `${theirs}reparam_conv`,
  [`${ours}norm`]: `${theirs}conv_kxk.0.bn`,
  [`${ours}attention/squeeze/dense`]: `${theirs}se.fc1`,
  [`${ours}attention/excite/dense`]: `${theirs}se.fc2`,
});
const fastvitDown = {
  ...pair('filter/large', 'proj.0.large_conv.conv', 'proj.0.large_conv.bn'),
  ...pair('filter/small', 'proj.0.small_conv.conv', 'proj.0.small_conv.bn'),
  ...fastvitBranches('filter/', 'proj.0.'),
  ...fastvitBranches('mix/', 'proj.1.'),
};
const fastvit: Scheme = {
  ends: {
    ...fastvitBranches('stem/second/', 'stem.1.'),
    ...fastvitBranches('stem/third/', 'stem.2.'),
    ...fastvitBranches('stem/first/', 'stem.0.'),
    ...Object.fromEntries(
      ['first', 'second'].map((name, i) => [
        `stem/${name}/conv`,
        ({ has }: Counts) => `stem.${i}.${has(`stem/${name}/norm`) ? 'conv_kxk.0.conv' : 'reparam_conv'}`,
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(fastvitDown).map(([path, name]) => [
        `stage/down/${path}`,
        (_: Counts, stage: number) => `stages.${stage}.downsample.${name}`,
      ]),
    ),
    'stage/positions/conv': ({ graph }, stage) =>
      `stages.${stage}.pos_emb.${/\bform=deploy\b/.test(graph.name) ? 'reparam_conv' : 'pos_enc'}`,
    ...fastvitBranches('head/filter/', 'final_conv.'),
    'head/dense': 'head.fc',
  },
  block: ({ stage, block }) => `stages.${stage}.blocks.${block}`,
  parts: (p) => ({
    ...fastvitBranches('mixer/filter/', 'token_mixer.mixer.'),
    'mixer/skip/norm': 'token_mixer.norm.identity',
    'mixer/scale': 'token_mixer.layer_scale.gamma',
    'mixer/conv': 'token_mixer.reparam_conv',
    'attention/norm': 'norm',
    'attention/layerNorm': 'norm',
    'attention/qkv/conv': 'token_mixer.qkv',
    'attention/project/conv': 'token_mixer.proj',
    'attention/scale': 'layer_scale_1.gamma',
    ...pair('mlp/filter', 'mlp.conv.conv', 'mlp.conv.bn'),
    'mlp/expand/conv': 'mlp.fc1',
    'mlp/project/conv': 'mlp.fc2',
    'mlp/scale': p.has('attention') ? 'layer_scale_2.gamma' : 'layer_scale.gamma',
  }),
  // of attention, linear layers over tokens; of squeeze and excite, 1x1 convs
  pointwise: ({ nodes }) => [
    ...['attention/qkv/conv', 'attention/project/conv'],
    ...nodes.flatMap(({ id, op }) => (op.kind === 'dense' && id !== 'head/dense' ? [id] : [])),
  ],
};

export const later: Readonly<Record<string, Scheme>> = {
  mixnet,
  levit,
  efficientvit,
  fastvit,
  convnext,
  'inception-next': inceptionNext,
  'convnext-v2': convnext,
  'test-efficientnet': testEfficientnet,
  'test-resnet': testResnet,
  'test-byobnet': testByobnet,
  rexnet,
  repvit,
  'lcnet-v2': lcnetV2,
  ...tokens,
};
