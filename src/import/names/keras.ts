/** @file Layer names of keras.applications (Keras 3), and of Keras 2 where they differ. */
import type { Graph } from '../../graph/index.ts';
import { type Place, pair, type Scheme } from './scheme.ts';

const mobilenetV1: Scheme = {
  ends: { ...pair('stem', 'conv1', 'conv1_bn'), 'head/dense': 'conv_preds' },
  block: () => 'conv',
  joint: '_',
  parts: ({ index }) => ({
    ...pair('filter', `dw_${index + 1}`, `dw_${index + 1}_bn`),
    ...pair('mix', `pw_${index + 1}`, `pw_${index + 1}_bn`),
  }),
  pointwise: ['head/dense'],
};

const mobilenetV2: Scheme = {
  ends: {
    ...pair('stem', 'Conv1', 'bn_Conv1'),
    ...pair('head/mix', 'Conv_1', 'Conv_1_bn'),
    'head/dense': 'predictions',
  },
  block: ({ index }) => (index ? `block_${index}` : 'expanded_conv'),
  joint: '_',
  parts: {
    ...pair('expand', 'expand', 'expand_BN'),
    ...pair('filter', 'depthwise', 'depthwise_BN'),
    ...pair('project', 'project', 'project_BN'),
  },
};

const squeezed = ['attention/squeeze/dense', 'attention/excite/dense'];
const mobilenetV3: Scheme = {
  ends: {
    ...pair('stem', 'conv', 'conv_bn'),
    ...pair('head/mix', 'conv_1', 'conv_1_bn'),
    'head/features/dense': 'conv_2',
    'head/dense': 'logits',
  },
  block: ({ index }) => (index ? `expanded_conv_${index}` : 'expanded_conv'),
  joint: '_',
  parts: {
    ...pair('expand', 'expand', 'expand_bn'),
    ...pair('filter', 'depthwise', 'depthwise_bn'),
    'attention/squeeze/dense': 'squeeze_excite_conv',
    'attention/excite/dense': 'squeeze_excite_conv_1',
    ...pair('project', 'project', 'project_bn'),
  },
  pointwise: [...squeezed, 'head/features/dense', 'head/dense'],
};

const efficientnet: Scheme = {
  ends: {
    ...pair('stem', 'stem_conv', 'stem_bn'),
    ...pair('head/mix', 'top_conv', 'top_bn'),
    'head/dense': 'predictions',
  },
  block: ({ stage, block }) => `block${stage + 1}${String.fromCharCode(97 + block)}`,
  joint: '_',
  parts: {
    ...pair('expand', 'expand_conv', 'expand_bn'),
    ...pair('filter', 'dwconv', 'bn'),
    'attention/squeeze/dense': 'se_reduce',
    'attention/excite/dense': 'se_expand',
    ...pair('project', 'project_conv', 'project_bn'),
  },
  pointwise: squeezed,
};

const block = ({ stage, block }: Place): string => `conv${stage + 2}_block${block + 1}`;
const densenet: Scheme = {
  ends: {
    ...pair('stem', 'conv1_conv', 'conv1_bn'),
    'stage/transition/norm': (_, stage) => `pool${stage + 1}_bn`,
    'stage/transition/conv': (_, stage) => `pool${stage + 1}_conv`,
    'head/norm': 'bn',
    'head/dense': 'predictions',
  },
  block,
  joint: '_',
  parts: { ...pair('narrow', '1_conv', '0_bn'), ...pair('filter', '2_conv', '1_bn') },
};
const resnet50: Scheme = {
  ends: { ...pair('stem', 'conv1_conv', 'conv1_bn'), 'head/dense': 'predictions' },
  block,
  joint: '_',
  parts: {
    ...pair('shortcut', '0_conv', '0_bn'),
    ...pair('narrow', '1_conv', '1_bn'),
    ...pair('filter', '2_conv', '2_bn'),
    ...pair('widen', '3_conv', '3_bn'),
  },
};

/** All names begin with that of the model, 'convnext_tiny'. */
const model = ({ graph }: { readonly graph: Graph }): string =>
  `convnext_${/\bvariant=(\w+)/.exec(graph.name)?.[1] ?? 'atto'}`;
const convnext: Scheme = {
  ends: {
    'stem/conv': (c) => `${model(c)}_stem_conv`,
    'stem/layerNorm': (c) => `${model(c)}_stem_layernorm`,
    'stage/down/conv': (c, stage) => `${model(c)}_downsampling_conv_${stage - 1}`,
    'stage/down/layerNorm': (c, stage) => `${model(c)}_downsampling_layernorm_${stage - 1}`,
    'head/layerNorm': (c) => `${model(c)}_head_layernorm`,
    'head/dense': (c) => `${model(c)}_head_dense`,
  },
  block: (p) => `${model(p)}_stage_${p.stage}_block_${p.block}`,
  joint: '_',
  parts: {
    ...{ 'filter/conv': 'depthwise_conv', 'filter/layerNorm': 'layernorm' },
    ...{ 'expand/conv': 'pointwise_conv_1', 'project/conv': 'pointwise_conv_2' },
    'project/scale': 'layer_scale',
  },
  pointwise: ['expand/conv', 'project/conv'],
};

/** The 1x1 convs of the shortcuts have no names of their own: conv2d, conv2d_1, ... in the order of the net. */
const xception: Scheme = {
  ends: {
    ...pair('stem/first', 'block1_conv1', 'block1_conv1_bn'),
    ...pair('stem/second', 'block1_conv2', 'block1_conv2_bn'),
    'head/first/filter/conv': 'block14_sepconv1/depthwise_kernel',
    'head/first/mix/conv': 'block14_sepconv1/pointwise_kernel',
    'head/first/mix/norm': 'block14_sepconv1_bn',
    'head/second/filter/conv': 'block14_sepconv2/depthwise_kernel',
    'head/second/mix/conv': 'block14_sepconv2/pointwise_kernel',
    'head/second/mix/norm': 'block14_sepconv2_bn',
    'head/dense': 'predictions',
  },
  block: () => '',
  joint: '',
  parts: ({ index }) => {
    const before = index < 3 ? index : 3; // blocks with a shortcut: the first three and the last
    const nth = (name: string): string => (before ? `${name}_${before}` : name);
    return {
      ...pair('shortcut', nth('conv2d'), nth('batch_normalization')),
      ...Object.fromEntries(
        [0, 1, 2].flatMap((i) => {
          const layer = `block${index + 2}_sepconv${i + 1}`;
          return [
            [`separable${i}/filter/conv`, `${layer}/depthwise_kernel`],
            [`separable${i}/mix/conv`, `${layer}/pointwise_kernel`],
            [`separable${i}/mix/norm`, `${layer}_bn`],
          ];
        }),
      ),
    };
  },
};

export const keras: Readonly<Record<string, Scheme>> = {
  'mobilenet-v1': mobilenetV1,
  'mobilenet-v2': mobilenetV2,
  'mobilenet-v3-small': mobilenetV3,
  'mobilenet-v3-large': mobilenetV3,
  ...Object.fromEntries([0, 1, 2, 3].map((i) => [`efficientnet-b${i}`, efficientnet])),
  convnext,
  'densenet-121': densenet,
  'resnet-50': resnet50,
  xception,
};

/** Keras 2's MobileNetV3 ('expanded_conv/squeeze_excite/Conv', 'Conv_1/BatchNorm', 'Logits') and DenseNet ('conv1/bn'). */
export function renewedLayers(layers: readonly string[]): ReadonlyMap<string, string> {
  const v3 = layers.some((layer) => layer.startsWith('expanded_conv/'));
  const old = v3 ? /^(expanded_conv(_\d+)?\/|Conv(_\d)?(\/BatchNorm)?$|Logits$)/ : /^conv1\/(conv|bn|relu)$/;
  return new Map(
    layers
      .filter((layer) => old.test(layer))
      .map((layer) => [layer, layer.replaceAll('/BatchNorm', '_bn').replaceAll('/', '_').toLowerCase()]),
  );
}
