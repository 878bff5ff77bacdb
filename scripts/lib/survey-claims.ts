/** @file What the papers on distillation and structure claim, once each, and the rows of our own tables that answer. */

export interface TaughtClaim {
  readonly ref: number;
  readonly work: string;
  readonly claim: string;
  /** The page and the words of a row, from its left. */
  readonly page: 'distillation' | 'scenes' | 'compression';
  readonly row: string;
}
const classes = (ref: number, row: string, work: string, claim: string): TaughtClaim => ({
  ref,
  work,
  claim,
  page: 'distillation',
  row: `| [${ref}] | ${row} |`,
});
const scenes = (ref: number, row: string, work: string, claim: string): TaughtClaim => ({
  ref,
  work,
  claim,
  page: 'scenes',
  row: `| ${row} |`,
});

export const taughtClaims: readonly TaughtClaim[] = [
  classes(
    146,
    'munge',
    'Model compression',
    'A small net learns more from images made of the few that there are, labelled by a large model, than from those alone.',
  ),
  classes(
    147,
    'logits',
    'Shallow nets',
    'A shallow, wide net that regresses the logits of a deep one is more accurate than one trained on labels.',
  ),
  classes(148, 'hints', 'FitNets', 'A thin, deep net is more accurate when a hint trains its first half.'),
  classes(
    149,
    'net2net',
    'Net2Net',
    'A net grown from a trained one is as accurate as the same net from scratch in far fewer steps.',
  ),
  classes(
    150,
    'growth',
    'Growing a brain',
    'A net that grows in width and depth while it trains is more accurate than one of its final size from scratch.',
  ),
  classes(
    151,
    'moonshine',
    'Moonshine',
    'A net with cheap blocks is more accurate when it learns the attention maps of the net that it was made of.',
  ),
  classes(
    152,
    'one',
    'ONE',
    'A branch that learns of the ensemble of all branches is more accurate than the net alone.',
  ),
  classes(
    153,
    'soft-targets',
    'Soft targets',
    'A net is more accurate when it learns the probabilities of a teacher at a raised temperature.',
  ),
  classes(
    154,
    'fsp',
    'FSP',
    'A net is more accurate when it first learns how the teacher’s maps follow from each other.',
  ),
  classes(
    155,
    'darkrank',
    'DarkRank',
    'A net is more accurate when it learns how the teacher ranks examples by similarity.',
  ),
  classes(
    156,
    'sobolev',
    'Sobolev training',
    'A net learns more from few examples when derivatives are matched too.',
  ),
  classes(
    157,
    'data-free',
    'Data-free distillation',
    'A net can learn from metadata of a teacher without any image.',
  ),
  classes(
    158,
    'rocket',
    'Rocket launching',
    'A light net is more accurate when it trains beside a booster net that shares layers.',
  ),
  scenes(159, 'mimic', 'Mimic', 'A small detector is better when it mimics features inside proposals.'),
  scenes(
    160,
    'detection',
    'Efficient detectors',
    'A small detector is better with weighted soft classes, bounded boxes and hints.',
  ),
  scenes(
    161,
    'neuron-selection',
    'Face model compression',
    'Chosen neurons of a teacher teach more than labels.',
  ),
  scenes(
    162,
    'cross-modal',
    'Cross-modal transfer',
    'A net for depth images learns of a net for color images by unlabelled pairs.',
  ),
  scenes(
    163,
    'multi-task',
    'PAD-Net',
    'Predictions of several tasks, distilled within one net, are better than one task alone.',
  ),
];
