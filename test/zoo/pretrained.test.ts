/** @file zoo/hub.json, made from timm, against our architectures: the same names, and the same counts to the integer. */
import { expect } from 'chai';
import { timmModelOf } from '../../src/import/index.ts';
import { cost } from '../../src/read/cost.ts';
import { compose, pretrainedNets } from '../../zoo/index.ts';

describe('the pretrained nets of the hub', () => {
  const nets = pretrainedNets();

  it('are at least 40, each once', () => {
    expect(nets.length).to.be.at.least(40);
    expect(new Set(nets.map(({ name }) => name))).to.have.property('size', nets.length);
  });

  it('are of the architecture that a pull makes of their name', () => {
    // a pull has the classes of the weights, as src/hub/model.ts
    for (const { name, architecture } of nets)
      expect(timmModelOf(name.replace(/\..*/, ''))?.words.replace(/ classes=\d+/, ''), name).to.equal(
        architecture,
      );
  });

  const models = new Map(
    nets.map((net) => [`${net.architecture} classes=${net.classes} size=${net.input[1]}`, net]),
  );
  const families = new Set(nets.map(({ architecture }) => architecture.replace(/ .*/, '')));
  for (const family of families)
    it(`of ${family} have timm's number of parameters`, () => {
      for (const [words, { name, params }] of models)
        if (words.startsWith(`${family} `)) expect(cost(compose(words)).params, name).to.equal(params);
    });
});
