/**
 * @file ConvNeXt V2. Woo et al., CVPR 2023, arXiv:2301.00808, section 3 and appendix: ConvNeXt with a global response norm in
 * the middle of each block, and without a scale at its end. Official code: facebookresearch/ConvNeXt-V2 (MIT).
 */
import { architecture, choice } from '../../src/compose/index.ts';
import { convnextNet, convnextOptions } from './convnext.ts';

const variants = ['atto', 'femto', 'pico', 'nano', 'tiny', 'base', 'large', 'huge', 'small'] as const;

export const convnextV2 = architecture({
  name: 'convnext-v2',
  paper: {
    title: 'ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders',
    authors: 'Woo et al.',
    year: 2023,
    arxiv: '2301.00808',
  },
  options: {
    variant: choice(variants, { doc: 'which of the nets, by channels and blocks', default: 'atto' }),
    ...convnextOptions,
  },
  net: convnextNet,
});
