/** @file MCUNet's nets: the figures of their authors, and of the code that TinyEngine makes of them. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { architectures, compose } from '../../zoo/architectures/index.ts';
import { cost, mcuReport } from '../../src/read/index.ts';

interface Figures {
  readonly published: readonly {
    readonly net: string;
    readonly megaMacs: number;
    readonly megaParams: number;
    readonly sramKb: number;
    readonly flashKb: number;
  }[];
  readonly compiled: readonly {
    readonly net: string;
    readonly weightBytes?: number;
    readonly tensorBytes?: number;
  }[];
}
const { published, compiled } = JSON.parse(
  readFileSync(new URL('reference/mcunet.json', import.meta.url), 'utf8'),
) as Figures;

describe("MCUNet's published nets", () => {
  it('are all there', () => {
    const ours = [...architectures.keys()].filter((name) => name.startsWith('mcunet'));
    expect(published.map(({ net }) => net).filter((net) => net.startsWith('mcunet'))).to.deep.equal(ours);
  });

  for (const { net, megaMacs, megaParams, sramKb, flashKb } of published)
    it(`${net} has the multiply-adds and parameters of its authors in their digits, and needs no more memory than they measured`, () => {
      const { macs, params } = cost(compose(net));
      expect([Number((macs / 1e6).toFixed(1)), Number((params / 1e6).toFixed(2))]).to.deep.equal([
        megaMacs,
        megaParams,
      ]);
      const { inPlace, flash } = mcuReport(compose(net));
      expect(inPlace.int8).to.be.below(1000 * sramKb);
      expect(flash.int8).to.be.below(1000 * flashKb);
    });

  for (const { net, weightBytes, tensorBytes } of compiled)
    it(`${net} takes the bytes that TinyEngine's generated code has, to the byte`, () => {
      const { inPlace, flash, layers } = mcuReport(compose(net));
      if (tensorBytes !== undefined) expect(inPlace.int8).to.equal(tensorBytes);
      // without the scale and zero point of each tensor, which stand in the code
      if (weightBytes !== undefined) expect(flash.int8 - 8 * layers.length).to.equal(weightBytes);
    });

  it('have no sum around a stride, also where maps of one pixel keep their shape', () => {
    const ids = compose('mcunet-in0 size=4').nodes.map(({ id }) => id);
    expect(ids).to.include('stage2/1/add').and.not.include('stage2/0/add');
  });
});
