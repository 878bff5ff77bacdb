/** @file An ensemble says the mean of what its members say. */
import { expect } from 'chai';
import { ensemble } from '../../src/edit/index.ts';
import { Refusal, UsageError } from '../../src/errors.ts';
import { compose } from '../../zoo/index.ts';
import { noise, shaken } from '../support/nets.ts';
import { runForward } from '../support/run.ts';

describe('ensemble', () => {
  it('is the mean of its members’ logits, of whatever architectures', async () => {
    const members = ['wrn depth=10 size=8 channels=1', 'snn units=20 bottleneck=5 size=8'].map((w, i) =>
      shaken(compose(w), i + 1),
    );
    const x = noise(3 * 64, 'ensemble');
    const all = await Promise.all(members.map((m) => runForward(m, x)));
    const joined = await runForward(ensemble(members), x);
    joined.forEach((v, i) => {
      expect(v).to.be.closeTo(((all[0]?.[i] ?? 0) + (all[1]?.[i] ?? 0)) / 2, 1e-4);
    });
  });
  it('is refused for one net, and for nets that do not fit', () => {
    const a = shaken(compose('snn units=20 size=8'));
    expect(() => ensemble([a])).to.throw(
      UsageError,
      'ensemble: the first argument must be an array of at least two nets, got 1',
    );
    expect(() => ensemble([a, shaken(compose('snn units=20 size=8 classes=3'))])).to.throw(
      Refusal,
      'ensemble: member 2 maps [8, 8, 1] to [3], the first [8, 8, 1] to [10]',
    );
  });
});
