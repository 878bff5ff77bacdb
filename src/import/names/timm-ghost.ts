/** @file Tensor names of timm's GhostNets and RepGhostNet (1.0). */
import { pair, type Scheme } from './scheme.ts';
import { features, squeeze, squeezed, stem } from './timm-parts.ts';

/** RepGhostModule; a filter alone where it was folded. */
const repGhost = Object.fromEntries(
  [
    ['expand', 'ghost1'],
    ['project', 'ghost2'],
  ].flatMap(([ours, theirs]) =>
    Object.entries({
      ...pair(`${ours}/cheap/branch0`, `${theirs}.cheap_operation.0`, `${theirs}.cheap_operation.1`),
      [`${ours}/cheap/identity/norm`]: `${theirs}.fusion_bn.0`,
    }),
  ),
);
/** The gate of GhostNetV2 and V3. */
const longRange = {
  ...pair('expand/gate/mix', 'ghost1.short_conv.0', 'ghost1.short_conv.1'),
  ...pair('expand/gate/row', 'ghost1.short_conv.2', 'ghost1.short_conv.3'),
  ...pair('expand/gate/column', 'ghost1.short_conv.4', 'ghost1.short_conv.5'),
};
const branches = (ours: string, theirs: string): Record<string, string> => ({
  ...Object.fromEntries(
    [0, 1, 2].flatMap((i) =>
      Object.entries(pair(`${ours}/branch${i}`, `${theirs}_conv.${i}.conv`, `${theirs}_conv.${i}.bn1`)),
    ),
  ),
  ...pair(`${ours}/point`, `${theirs}_scale.conv`, `${theirs}_scale.bn1`),
  [`${ours}/identity/norm`]: `${theirs}_skip`,
});
/** GhostModuleV3. */
const branchedGhost = {
  ...branches('expand/primary', 'ghost1.primary_rpr'),
  ...branches('expand/cheap', 'ghost1.cheap_rpr'),
  ...branches('project/primary', 'ghost2.primary_rpr'),
  ...branches('project/cheap', 'ghost2.cheap_rpr'),
  ...branches('filter', 'dw_rpr'),
};

const ghostParts = {
  ...pair('expand/primary', 'ghost1.primary_conv.0', 'ghost1.primary_conv.1'),
  ...pair('expand/cheap', 'ghost1.cheap_operation.0', 'ghost1.cheap_operation.1'),
  ...pair('filter', 'conv_dw', 'bn_dw'),
  ...squeeze,
  ...pair('project/primary', 'ghost2.primary_conv.0', 'ghost2.primary_conv.1'),
  ...pair('project/cheap', 'ghost2.cheap_operation.0', 'ghost2.cheap_operation.1'),
  ...pair('shortcut/filter', 'shortcut.0', 'shortcut.1'),
  ...pair('shortcut/mix', 'shortcut.2', 'shortcut.3'),
  ...longRange,
  ...branchedGhost,
};

/** timm begins a stage at every new size and width: ours from the second on are two of timm's each. */
export const ghostnet: Scheme = {
  pointwise: [...squeezed, 'head/features/dense'],
  ends: {
    ...stem,
    'head/mix/conv': ({ stages }) => `blocks.${2 * stages - 1}.0.conv`,
    'head/mix/norm': ({ stages }) => `blocks.${2 * stages - 1}.0.bn1`,
    ...features,
  },
  block: ({ stage, block }) => `blocks.${stage && 2 * stage - (block ? 0 : 1)}.${block ? block - 1 : 0}`,
  parts: ghostParts,
};

/** In the folded form the cheap features come from a conv, which is no part of a sequence. */
export const repGhostnet: Scheme = {
  ...ghostnet,
  parts: (p) => ({
    ...ghostParts,
    ...repGhost,
    ...(p.hasNode('expand/cheap/norm') || p.hasNode('expand/cheap/branch0/norm')
      ? {}
      : { 'expand/cheap/conv': 'ghost1.cheap_operation', 'project/cheap/conv': 'ghost2.cheap_operation' }),
  }),
};
