/** @file Architectures: options with defaults and bounds, and what is said of wrong ones. */
import { expect } from 'chai';
import {
  type Architecture,
  architecture,
  catalogue,
  choice,
  common,
  image,
  parseOptions,
  real,
  type Sides,
  whole,
} from '../../src/compose/index.ts';
import { MoonletError, UsageError } from '../../src/errors.ts';
import { architectures, compose, wrn } from '../../zoo/index.ts';
import { messageOf } from '../support/errors.ts';

const tiny = architecture({
  name: 'tiny',
  paper: { title: 'A title', authors: 'Somebody', year: 2024 },
  options: {
    depth: whole({ doc: 'layers', default: 2, min: 1, max: 9 }),
    width: real({ doc: 'multiplier', default: 1, min: 0.25, max: 4 }),
    pool: choice(['avg', 'max'], { doc: 'the last pool', default: 'avg' }),
    ...common({ classes: 10, size: 8, channels: 1 }),
  },
  problem: ({ depth, width }) =>
    depth === 9 && width === 4 ? 'too large; choose a smaller width' : undefined,
  net: ({ depth, width, pool, classes, size, channels }) =>
    Array.from({ length: depth })
      .reduce<ReturnType<typeof start>>((x) => x.conv(8 * width), start(size, channels))
      .globalPool(pool)
      .dense(classes),
});
const start = (size: number | Sides, channels: number) => image(size, channels);
const usage = (call: () => unknown): string => messageOf(call, UsageError);

describe('an architecture', () => {
  it('makes a graph of its defaults, under its name', () => {
    const g = tiny();
    expect(g.name).to.equal('tiny');
    expect(g.nodes).to.have.length(5);
    expect(tiny.name).to.equal('tiny');
    expect(tiny.paper.year).to.equal(2024);
  });

  it('puts the options that are not the usual ones into the name, in the order of its table', () => {
    expect(tiny({ pool: 'max', depth: 3, width: 1 }).name).to.equal('tiny depth=3 pool=max');
  });

  it('is the same graph each time', () => expect(tiny({ depth: 4 })).to.deep.equal(tiny({ depth: 4 })));

  it('is the graph that its name says, for every architecture', () => {
    for (const make of architectures.values()) {
      const g = make({ classes: 7, size: 32 });
      expect(compose(g.name)).to.deep.equal(g);
    }
  });

  it('refuses unknown options, with a suggestion', () => {
    expect(usage(() => tiny({ dept: 3 } as object))).to.equal(
      'tiny: no option "dept" (it has depth, width, pool, classes, size, channels). Did you mean "depth"?',
    );
    expect(usage(() => tiny({ toString: 3 } as object))).to.match(/^tiny: no option "toString"/);
  });

  it('refuses values out of range or of another type', () => {
    expect(usage(() => tiny({ depth: 0 }))).to.equal('tiny: depth must be a whole number from 1 to 9, got 0');
    expect(usage(() => tiny({ depth: 2.5 }))).to.equal(
      'tiny: depth must be a whole number from 1 to 9, got 2.5',
    );
    expect(usage(() => tiny({ width: Number.NaN }))).to.equal(
      'tiny: width must be a number from 0.25 to 4, got NaN',
    );
    expect(usage(() => tiny({ width: '1' as unknown as number }))).to.equal(
      'tiny: width must be a number from 0.25 to 4, got 1',
    );
    expect(usage(() => tiny({ pool: 'sum' as 'avg' }))).to.equal(
      'tiny: pool must be one of avg, max, got sum',
    );
    expect(usage(() => tiny({ size: 4097 }))).to.equal(
      'tiny: size must be a whole number from 1 to 4096, or two such as 49x10, got 4097',
    );
  });

  it('refuses values that do not go together', () => {
    expect(usage(() => tiny({ depth: 9, width: 4 }))).to.equal('tiny: too large; choose a smaller width');
  });

  it('takes undefined for the default', () => {
    const options = { depth: undefined } as unknown as { depth?: number };
    expect(tiny(options).name).to.equal('tiny');
  });

  it('has a type: its options and their values', () => {
    // @ts-expect-error no such option
    expect(() => wrn({ deep: 40 })).to.throw(UsageError);
    // @ts-expect-error not a number
    expect(() => wrn({ depth: '40' })).to.throw(UsageError);
    // @ts-expect-error not one of the names
    expect(() => tiny({ pool: 'sum' })).to.throw(UsageError);
  });
});

describe('options as words', () => {
  const parse = (...words: string[]): unknown => parseOptions(tiny, words);

  it('mean what they say', () => {
    expect(parse('depth=3', 'width=.5', 'pool=max', 'size=4e0')).to.deep.equal({
      depth: 3,
      width: 0.5,
      pool: 'max',
      size: 4,
    });
    expect(parse('width=5e-1')).to.deep.equal({ width: 0.5 });
    expect(parse()).to.deep.equal({});
  });

  const refused: readonly (readonly [words: readonly string[], message: string])[] = [
    [['depth'], 'tiny: "depth" is not of the form option=value, such as classes=10'],
    [['=3'], 'tiny: "=3" is not of the form option=value, such as classes=10'],
    [['depth='], 'tiny: depth must be a whole number from 1 to 9, got nothing'],
    [['depth=three'], 'tiny: depth must be a whole number from 1 to 9, got three'],
    [['depth=0x3'], 'tiny: depth must be a whole number from 1 to 9, got 0x3'],
    [['depth=3 '], 'tiny: depth must be a whole number from 1 to 9, got 3 '],
    [['depth=1e999'], 'tiny: depth must be a whole number from 1 to 9, got 1e999'],
    [['width=-1'], 'tiny: width must be a number from 0.25 to 4, got -1'],
    [['width=NaN'], 'tiny: width must be a number from 0.25 to 4, got NaN'],
    [['pool=Max'], 'tiny: pool must be one of avg, max, got Max'],
    [['depth=3', 'depth=4'], 'tiny: depth is given twice'],
    [['__proto__=3'], 'tiny: no option "__proto__" (it has depth, width, pool, classes, size, channels).'],
    [
      ['clases=3'],
      'tiny: no option "clases" (it has depth, width, pool, classes, size, channels). Did you mean "classes"?',
    ],
  ];
  for (const [words, message] of refused) {
    it(`refuse ${JSON.stringify(words)}`, () => expect(usage(() => parse(...words))).to.equal(message));
  }
});

describe('the catalogue', () => {
  it('finds architectures by name, and refuses two of one name', () => {
    const twin = tiny as unknown as Architecture;
    expect(catalogue([twin]).get('tiny')).to.equal(tiny);
    expect(messageOf(() => catalogue([twin, twin]), MoonletError)).to.equal(
      'two architectures have the same name',
    );
  });

  it('suggests the nearest name, and lists what there is', () => {
    expect(usage(() => compose('wrm depth=16'))).to.match(
      /^no architecture "wrm"\. Did you mean "wrn"\? Known: autoencoder, /,
    );
    expect(usage(() => compose(''))).to.match(/^no architecture ""\. Known: autoencoder, /);
    expect(usage(() => compose('transformer-xl-large'))).to.match(
      /^no architecture "transformer-xl-large"\. Known: /,
    );
  });

  it('takes words in one string or in a list', () => {
    expect(compose('  wrn   depth=10 ')).to.deep.equal(compose(['wrn', 'depth=10']));
  });

  it('says the nearest depth that a family has', () => {
    expect(usage(() => compose('wrn depth=41'))).to.equal(
      'wrn: depth must be 6n + 4 (10, 16, 22, 28, 40, ...), got 41; the nearest is 40',
    );
    expect(usage(() => compose('resnet-cifar depth=19'))).to.equal(
      'resnet-cifar: depth must be 6n + 2 (8, 14, 20, 32, 56, ...), got 19; the nearest is 20',
    );
  });

  it('has doc, range and default for every option of every architecture, and the default is allowed', () => {
    for (const [name, { options, paper }] of architectures) {
      expect(Object.keys(options), name).to.include.members(['classes', 'size', 'channels']);
      expect(paper.title).to.match(/\w/);
      for (const option of Object.values(options)) {
        expect(option.allows(option.default), name).to.equal(true);
        expect([option.doc, option.range].every((text) => /\w/.test(text))).to.equal(true);
        expect(option.parse(String(option.default))).to.equal(option.default);
      }
    }
  });
});
