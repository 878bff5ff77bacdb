/** @file The zoo's counts against those of the reference implementations, exact to the integer. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { UsageError } from '../../src/errors.ts';
import { inputShape } from '../../src/graph/index.ts';
import { adapt } from '../../src/import/adapt.ts';
import { sources } from '../../src/import/names/index.ts';
import { cost } from '../../src/read/index.ts';
import { libraryModels } from '../../zoo/architectures/index.ts';
import { kerasNames, timmNames, torchvisionNames } from '../../zoo/architectures/library-names.ts';
import { architectures, compose } from '../../zoo/index.ts';
import { messageOf } from '../support/errors.ts';

type Row = readonly [
  architecture: string,
  params: number,
  macs: number,
  normStats: number,
  countedBy: string,
];
const { rows } = JSON.parse(readFileSync(new URL('published-counts.json', import.meta.url), 'utf8')) as {
  readonly rows: readonly Row[];
};

describe('published counts', () => {
  for (const [words, params, macs, normStats] of rows) {
    it(words, () => {
      const c = cost(compose(words));
      expect([c.params, c.macs, c.normStats]).to.deep.equal([params, macs, normStats]);
    });
  }

  type ByPackage = { net: string; params: number; macs: number; normStats: number; by: string };
  const byPackages = ['counts', 'mlperf-tiny', 'mcunet'].flatMap((name): readonly ByPackage[] => {
    const file = new URL(`reference/${name}.json`, import.meta.url);
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly counts: readonly ByPackage[] }).counts;
  });
  for (const { net, by, ...counts } of byPackages) {
    it(`${net}, by ${by}`, () => {
      const { params, macs, normStats } = cost(compose(net));
      expect({ params, macs, normStats }).to.deep.equal(counts);
    });
  }

  it('are there for every architecture', () => {
    const named = Object.values({ ...timmNames, ...torchvisionNames, ...kerasNames }).map(([words]) => words);
    const nets = byPackages.map(({ net }) => net);
    const counted = new Set([...rows.map(([words]) => words), ...nets, ...named].map((w) => w.split(' ')[0]));
    expect([...architectures.keys()].filter((name) => !counted.has(name))).to.deep.equal([]);
  });
});

describe('the models of other libraries, by their own names', () => {
  interface Counted {
    readonly name: string;
    readonly size: number;
    readonly params: number;
    readonly macs: number;
    readonly normStats: number;
  }
  const { counts } = JSON.parse(readFileSync(new URL('reference/names.json', import.meta.url), 'utf8')) as {
    readonly counts: readonly Counted[];
  };
  /** As the library computes it: Keras' ResNet50 has its strides elsewhere. */
  const counted = (name: string): object => {
    const [library = ''] = name.split('/');
    const graph = compose(name);
    const source = sources.find((s) => s === library);
    const { params, macs, normStats } = cost(source ? adapt(graph, source).graph : graph);
    return { name, size: inputShape(graph)[0], params, macs, normStats };
  };

  it('are those whose counts the packages gave, at least 180', () => {
    expect(counts.map(({ name }) => name)).to.deep.equal(libraryModels());
    expect(counts).to.have.length.of.at.least(180);
  });
  const family = (name: string): string => /^\w+\/[A-Za-z]+/.exec(name)?.[0] ?? name;
  for (const models of new Set(counts.map(({ name }) => family(name))))
    it(`of ${models} have its parameters, multiply-adds and statistics, to the integer`, () => {
      for (const row of counts) if (family(row.name) === models) expect(counted(row.name)).to.deep.equal(row);
    });

  it('have classes, and options that replace the usual ones', () => {
    expect(compose('timm/tinynet_d').name).to.equal('tinynet-d');
    expect(compose('timm/tinynet_d.in1k size=64 classes=10').name).to.equal('tinynet-d classes=10 size=64');
    expect(compose(['keras/MobileNetV3Small', 'width=0.75']).name).to.equal('mobilenet-v3-small width=0.75');
    expect(compose('torchvision/shufflenet_v2_x1_5 width=2').name).to.equal('shufflenet-v2 width=2');
  });
  it('that are not held are refused with the nearest', () => {
    expect(messageOf(() => compose('timm/tinynet_f'), UsageError)).to.match(
      /^no architecture makes "timm\/tinynet_f"\. Did you mean "tinynet_[a-e]"\? Known of timm: mobilenetv1_100, /,
    );
    expect(messageOf(() => compose('keras/MobileNetV3'), UsageError)).to.match(
      /^no architecture makes "keras\/MobileNetV3"\. Did you mean "MobileNetV2"\? Known of keras: /,
    );
  });
});

describe('every architecture', () => {
  for (const [name, make] of architectures) {
    it(`${name} names its stem, its stages from 1 on, and its head`, () => {
      const tops = [...new Set(make().nodes.map((n) => n.id.split('/')[0]))];
      const stages = tops.slice(2, -1);
      expect([tops[0], tops[1], tops.at(-1)]).to.deep.equal(['input', 'stem', 'head']);
      expect(stages).to.deep.equal(stages.map((_, i) => `stage${i + 1}`));
      expect(stages).to.not.have.length(0);
    });

    it(`${name} takes any size that its windows fit, any channels and classes`, () => {
      const odd = cost(make({ size: 45, channels: 4, classes: 3 })).layers;
      expect([odd[0]?.shape, odd.at(-1)?.shape]).to.deep.equal([[45, 45, 4], [3]]);
      try {
        const least = cost(make({ size: 1, channels: 1, classes: 1 })).layers.map((l) => l.shape);
        expect([least[0], least.at(-1)]).to.deep.equal([[1, 1, 1], [1]]);
      } catch (e) {
        expect((e as Error).message).to.match(
          /size must be at least \d+|the \dx\d window does not fit; use a larger input/,
        );
      }
    });
  }
});
