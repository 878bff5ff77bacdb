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
  mobilevit,
  'tiny-vit': tinyVit,
  'mobilevit-v2': mobilevitV2,
};
