/** @file Tensor names of timm's models (1.0), continued: compact transformers. */
import { type Counts, type Place, pair, type Scheme } from './scheme.ts';

const numbered = (
  n: number,
  parts: (i: number) => Readonly<Record<string, string>>,
): Record<string, string> => Object.assign({}, ...Array.from({ length: n }, (_, i) => parts(i)));

/** Conv2dNorm. */
const withNorm = (ours: string, theirs: string): Record<string, string> =>
  pair(ours, `${theirs}.c`, `${theirs}.bn`);
const shvitMlp = (ours: string, theirs: string): Record<string, string> => ({
  ...withNorm(`${ours}expand`, `${theirs}.pw1`),
  ...withNorm(`${ours}narrow`, `${theirs}.pw2`),
});
const shvitDown = {
  ...withNorm('before/filter', '0.m'),
  ...shvitMlp('before/mlp/', '1.m'),
  ...withNorm('expand', '2.conv1'),
  ...withNorm('filter', '2.conv2'),
  'attention/squeeze/dense': '2.se.fc1',
  'attention/excite/dense': '2.se.fc2',
  ...withNorm('project', '2.conv3'),
  ...withNorm('after/filter', '3.m'),
  ...shvitMlp('after/mlp/', '4.m'),
};
const shvit: Scheme = {
  ends: {
    ...numbered(4, (i) => withNorm(`stem/conv${i + 1}`, `patch_embed.${2 * i}`)),
    ...Object.fromEntries(
      Object.entries(shvitDown).map(([path, name]) => [
        `stage/down/${path}`,
        (_: Counts, stage: number) => `stages.${stage}.downsample.${name}`,
      ]),
    ),
    'head/norm': 'head.bn',
    'head/dense': 'head.l',
  },
  block: ({ stage, block }) => `stages.${stage}.blocks.${block}`,
  parts: {
    ...withNorm('filter', 'conv.m'),
    'attention/groupNorm': 'mixer.m.pre_norm',
    ...withNorm('attention/qkv', 'mixer.m.qkv'),
    ...withNorm('attention/project', 'mixer.m.proj.1'),
    ...shvitMlp('mlp/', 'ffn.m'),
  },
  pointwise: ({ nodes }) => nodes.flatMap(({ id }) => (/^stage\d+\/down\/attention\//.test(id) ? [id] : [])),
};

/** Blocks of ByobNet. */
const byobnet = (ours: string, theirs: string): Record<string, string> =>
  pair(ours, `${theirs}.conv`, `${theirs}.bn`);
const inverted = {
  ...byobnet('expand', 'conv1_1x1'),
  ...byobnet('filter', 'conv2_kxk'),
  ...byobnet('project', 'conv3_1x1'),
};
const mostTransformers = 4;
const mobilevitTransformer = {
  'attention/layerNorm': 'norm1',
  'attention/qkv/conv': 'attn.qkv',
  'attention/project/conv': 'attn.proj',
  'mlp/layerNorm': 'norm2',
  'mlp/expand/conv': 'mlp.fc1',
  'mlp/narrow/conv': 'mlp.fc2',
};
const separableTransformer = {
  'attention/groupNorm': 'norm1',
  'attention/qkv/conv': 'attn.qkv_proj',
  'attention/project/conv': 'attn.out_proj',
  'mlp/groupNorm': 'norm2',
  'mlp/expand/conv': 'mlp.fc1',
  'mlp/narrow/conv': 'mlp.fc2',
};
const transformers = (parts: Readonly<Record<string, string>>): Record<string, string> =>
  numbered(mostTransformers, (i) =>
    Object.fromEntries(
      Object.entries(parts).map(([path, name]) => [`transformer/${i}/${path}`, `transformer.${i}.${name}`]),
    ),
  );
const mobilevitOf = (norm: string, parts: Readonly<Record<string, string>>): Scheme => ({
  ends: {
    ...byobnet('stem', 'stem'),
    ...byobnet('head/mix', 'final_conv'),
    'head/dense': 'head.fc',
  },
  block: ({ stage, block }: Place) => `stages.${stage}.${block}`,
  parts: {
    ...inverted,
    ...byobnet('local', 'conv_kxk'),
    'widen/conv': 'conv_1x1',
    ...transformers(parts),
    [norm]: 'norm',
    ...byobnet('narrow', 'conv_proj'),
    ...byobnet('fuse', 'conv_fusion'),
  },
});
/** Linear layers over tokens. */
const linear = Object.keys(transformers(mobilevitTransformer)).filter((path) => path.endsWith('/conv'));
const mobilevit: Scheme = { ...mobilevitOf('layerNorm', mobilevitTransformer), pointwise: linear };
const mobilevitV2 = mobilevitOf('groupNorm', separableTransformer);

const edgenext: Scheme = {
  ends: {
    ...{ 'stem/conv': 'stem.0', 'stem/layerNorm': 'stem.1' },
    'stage/down/layerNorm': (_, stage) => `stages.${stage}.downsample.0`,
    'stage/down/conv': (_, stage) => `stages.${stage}.downsample.1`,
    ...{ 'head/layerNorm': 'head.norm', 'head/dense': 'head.fc' },
  },
  block: ({ stage, block }) => `stages.${stage}.blocks.${block}`,
  parts: {
    'filter/conv': 'conv_dw',
    ...{ 'part0/conv': 'convs.0', 'part1/conv': 'convs.1', 'part2/conv': 'convs.2' },
    positions: 'pos_embd.token_projection',
    'attention/layerNorm': 'norm_xca',
    'attention/qkv/conv': 'xca.qkv',
    'attention/attention': 'xca.temperature',
    'attention/project/conv': 'xca.proj',
    'attention/scale': 'gamma_xca',
    'mlp/layerNorm': 'norm',
    'mlp/expand/conv': 'mlp.fc1',
    'mlp/project/conv': 'mlp.fc2',
    'mlp/scale': 'gamma',
  },
  pointwise: ['attention/qkv/conv', 'attention/project/conv', 'mlp/expand/conv', 'mlp/project/conv'],
};

const efficientformer: Scheme = {
  ends: {
    ...pair('stem/conv1', 'stem.conv1', 'stem.norm1'),
    ...pair('stem/conv2', 'stem.conv2', 'stem.norm2'),
    'stage/down/conv': (_: Counts, stage: number) => `stages.${stage}.downsample.conv`,
    'stage/down/norm': (_: Counts, stage: number) => `stages.${stage}.downsample.norm`,
    'head/layerNorm': 'norm',
    'head/dense': 'head',
    'head/teacher/dense': 'head_dist',
  },
  // before the first that attends, a module makes tokens of the map
  block: ({ stage, block, has }) => `stages.${stage}.blocks.${has('attention') ? block + 1 : block}`,
  parts: {
    'pool/scale': 'ls1.gamma',
    ...pair('mlp/expand', 'mlp.fc1', 'mlp.norm1'),
    ...pair('mlp/narrow', 'mlp.fc2', 'mlp.norm2'),
    'attention/layerNorm': 'norm1',
    'attention/qkv/conv': 'token_mixer.qkv',
    'attention/attention': 'token_mixer.attention_biases',
    'attention/project/conv': 'token_mixer.proj',
    'attention/scale': 'ls1.gamma',
    'mlp/layerNorm': 'norm2',
    'mlp/first/conv': 'mlp.fc1',
    'mlp/second/conv': 'mlp.fc2',
    'mlp/scale': 'ls2.gamma',
  },
  pointwise: ['attention/qkv/conv', 'attention/project/conv', 'mlp/first/conv', 'mlp/second/conv'],
};

/** ConvNorm and ConvNormAct of efficientformer_v2: attention, with a strided conv before it or of q. */
const efficientformerAttention = (ours: string, theirs: string): Record<string, string> => ({
  ...byobnet(`${ours}down`, `${theirs}stride_conv`),
  ...byobnet(`${ours}q`, `${theirs}q`),
  ...byobnet(`${ours}q/project`, `${theirs}q.proj`),
  ...byobnet(`${ours}k`, `${theirs}k`),
  ...byobnet(`${ours}v`, `${theirs}v`),
  ...byobnet(`${ours}local`, `${theirs}v_local`),
  ...byobnet(`${ours}project`, `${theirs}proj`),
  [`${ours}attention`]: `${theirs}attention_biases`,
});
const efficientformerDown: Readonly<Record<string, string>> = {
  conv: 'conv.conv',
  norm: 'conv.bn',
  ...efficientformerAttention('attention/', 'attn.'),
  'attention/q/conv': 'attn.q.local',
};
const efficientformerV2: Scheme = {
  ends: {
    ...byobnet('stem/conv1', 'stem.conv1'),
    ...byobnet('stem/conv2', 'stem.conv2'),
    ...Object.fromEntries(
      Object.entries(efficientformerDown).map(([path, name]) => [
        `stage/down/${path}`,
        (_: Counts, stage: number) => `stages.${stage}.downsample.${name}`,
      ]),
    ),
    'head/norm': 'norm',
    'head/dense': 'head',
    'head/teacher/dense': 'head_dist',
  },
  block: ({ stage, block }) => `stages.${stage}.blocks.${block}`,
  parts: {
    ...efficientformerAttention('attention/', 'token_mixer.'),
    'attention/scale': 'ls1.gamma',
    ...byobnet('mlp/expand', 'mlp.fc1'),
    ...byobnet('mlp/filter', 'mlp.mid'),
    ...byobnet('mlp/narrow', 'mlp.fc2'),
    'mlp/scale': 'ls2.gamma',
  },
};

/** Of inverted residuals, and between stages. */
const tinyConvs = {
  ...byobnet('expand', 'conv1'),
  ...byobnet('filter', 'conv2'),
  ...byobnet('project', 'conv3'),
};
const tinyLinear = {
  'attention/qkv/conv': 'attn.qkv',
  'attention/project/conv': 'attn.proj',
  'mlp/expand/conv': 'mlp.fc1',
  'mlp/narrow/conv': 'mlp.fc2',
};
const tinyVit: Scheme = {
  ends: {
    ...byobnet('stem/conv1', 'patch_embed.conv1'),
    ...byobnet('stem/conv2', 'patch_embed.conv2'),
    ...Object.fromEntries(
      Object.entries(tinyConvs).map(([path, name]) => [
        `stage/down/${path}`,
        (_: Counts, stage: number) => `stages.${stage}.downsample.${name}`,
      ]),
    ),
    'head/layerNorm': 'head.norm',
    'head/dense': 'head.fc',
  },
  block: ({ stage, block }) => `stages.${stage}.blocks.${block}`,
  parts: {
    ...tinyConvs,
    ...tinyLinear,
    'attention/layerNorm': 'attn.norm',
    'attention/attention': 'attn.attention_biases',
    ...byobnet('local', 'local_conv'),
    'mlp/layerNorm': 'mlp.norm',
  },
  pointwise: Object.keys(tinyLinear),
};

export const tokens: Readonly<Record<string, Scheme>> = {
  shvit,
  edgenext,
  mobilevit,
  'mobilevit-v2': mobilevitV2,
  'tiny-vit': tinyVit,
  efficientformer,
  'efficientformer-v2': efficientformerV2,
};
