/** @file Some models by their names in timm and torchvision give the logits of these; named-logits.deep.ts has all. */
import { expect } from 'chai';
import { differenceOf, namedLogits } from '../support/named-logits.ts';

const some = [
  ...['timm/tinynet_e', 'timm/convnext_atto', 'timm/mobilenetv4_conv_small_035', 'timm/lcnet_035'],
  ...['timm/mixnet_s', 'timm/repghostnet_050', 'timm/efficientformerv2_s0', 'torchvision/shufflenet_v2_x0_5'],
];

describe('logits of a model by its name', () => {
  it('are kept of at least 90 names, each within 1e-5 when they were written', () => {
    expect(new Set(namedLogits.map(({ name }) => name)).size).to.be.at.least(90);
    expect(Math.max(...namedLogits.map(({ difference }) => difference))).to.be.at.most(1e-5);
  });
  for (const name of some)
    it(name, async () => {
      const row = namedLogits.find((r) => r.name === name);
      if (!row) throw new Error(`no logits of ${name}; run npm run references -- timm-names --write`);
      expect(await differenceOf(row)).to.be.below(1e-5);
    });
});
