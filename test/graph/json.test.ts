/** @file Law 2 for graphs: JSON and back, and what JSON is refused with which place. */
import { expect } from 'chai';
import { toJson } from '../../src/graph/index.ts';
import { fromJson } from '../../src/graph/json.ts';
import { compose } from '../../zoo/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { messageOf } from '../support/errors.ts';
import { byHand, conv, map, node, relu } from '../support/hand.ts';
import { smallZoo } from '../support/nets.ts';
import { fc } from '../support/property.ts';

const small = byHand([
  node('input', map(4, 4, 2)),
  node('a/conv', conv(3, { kernel: [3, 3], padding: [1, 1, 1, 1] }), ['input']),
  node('a/act', relu, ['a/conv']),
]);
/** The small graph's JSON with something else in the place of a text. */
const changed = (from: string, to: string): string => {
  const text = toJson(small);
  expect(text).to.contain(from);
  return text.replace(from, to);
};

describe('a graph as JSON', () => {
  it('goes back to the same graph, for every architecture', () => {
    for (const g of smallZoo()) expect(fromJson(toJson(g)), g.name).to.deep.equal(g);
  });

  it('goes back to the same graph, for random graphs, and again to the same text', () => {
    fc.assert(
      fc.property(arbitraryGraph(), (g) => {
        const text = toJson(g);
        expect(fromJson(text)).to.deep.equal(g);
        expect(toJson(fromJson(text))).to.equal(text);
      }),
      { numRuns: 200 },
    );
  });

  it('has one node a line, a format and a version', () => {
    const lines = toJson(small).split('\n');
    expect(lines[0]).to.equal(
      '{"format":"moonlet-graph","version":1,"name":"g","outputs":["a/act"],"nodes":[',
    );
    expect(lines[1]).to.equal('{"id":"input","op":{"kind":"input","shape":[4,4,2]},"inputs":[]},');
    expect(lines.slice(4)).to.deep.equal([']}', '']);
  });

  it('keeps its names, whatever stands in them', () => {
    const g = { ...small, name: 'say "WRN" \\ \u{1f319}\n' };
    expect(fromJson(toJson(g))).to.deep.equal(g);
  });

  it('is smaller than 100 kB for a net of 50 layers', () => {
    expect(toJson(compose('resnet-50')).length).to.be.below(100_000);
  });

  const refused: readonly (readonly [title: string, text: () => string, message: string | RegExp])[] = [
    [
      'text that is no JSON',
      () => '{"format"',
      /^graph: not JSON \(.*\); expected a file that toJson wrote$/,
    ],
    ['null', () => 'null', /^graph: top level: Invalid input: expected object, received null$/],
    [
      'another format',
      () => changed('moonlet-graph', 'other'),
      'graph: format: Invalid input: expected "moonlet-graph"',
    ],
    [
      'a later version',
      () => changed('"version":1', '"version":2'),
      'graph: version 2 is newer than 1, which this release reads; update moonlet',
    ],
    ['no version', () => changed('"version":1,', ''), 'graph: version: Invalid input: expected 1'],
    [
      'no outputs',
      () => changed('["a/act"]', '[]'),
      'graph: outputs: Too small: expected array to have >=1 items',
    ],
    [
      'a stray field',
      () => changed('"name"', '"extra":1,"name"'),
      'graph: top level: Unrecognized key: "extra"',
    ],
    [
      'a stray field of a node',
      () => changed('"inputs":[]', '"inputs":[],"more":1'),
      'graph: nodes[0]: Unrecognized key: "more"',
    ],
    [
      'an unknown kind',
      () => changed('"kind":"act"', '"kind":"cat"'),
      /^graph: nodes\[2\]\.op\.kind: Invalid (input|discriminator value)/,
    ],
    [
      'an unknown activation',
      () => changed('"fn":"relu"', '"fn":"rely"'),
      /^graph: nodes\[2\]\.op\.fn: Invalid option: expected one of "relu"\|"relu6"\|/,
    ],
    [
      'a stray field of an op',
      () => changed('"fn":"relu"', '"fn":"relu","x":0'),
      'graph: nodes[2].op: Unrecognized key: "x"',
    ],
    [
      'a field of the wrong type',
      () => changed('"out":3', '"out":"3"'),
      'graph: nodes[1].op.out: Invalid input: expected number, received string',
    ],
    [
      'half a channel',
      () => changed('"out":3', '"out":2.5'),
      'graph: nodes[1].op.out: Invalid input: expected int, received number',
    ],
    ['a channel count past 2^53', () => changed('"out":3', '"out":1e300'), /^graph: nodes\[1\]\.op\.out: /],
    ['a shape of two sizes', () => changed('[4,4,2]', '[4,4]'), /^graph: nodes\[0\]\.op\.shape: /],
    [
      'an unsound graph',
      () => changed('"inputs":["input"]', '"inputs":["inputs"]'),
      'a/conv: reads "inputs", which does not come before it',
    ],
    [
      'shapes that do not fit',
      () => changed('"groups":1', '"groups":2'),
      'a/conv([4, 4, 2]): 2 -> 3 channels do not divide into 2 groups; choose a divisor of both',
    ],
  ];
  for (const [title, text, message] of refused) {
    it(`refuses ${title}, and says where`, () => {
      const attempt = (): unknown => fromJson(text());
      let said = '';
      try {
        attempt();
      } catch (e) {
        said = (e as Error).message;
      }
      if (typeof message === 'string') expect(said).to.equal(message);
      else expect(said).to.match(message);
      expect(said).not.to.contain('\n');
    });
  }

  it('names the file that it comes from', () => {
    const at = (text: string): string => messageOf(() => fromJson(text, 'out/graph.json'));
    expect(at(changed('"version":1', '"version":7'))).to.match(/^out\/graph\.json: version 7 is newer/);
    expect(at(changed('"out":3', '"out":0'))).to.match(/^out\/graph\.json: nodes\[1\]\.op\.out: /);
    expect(at(changed('"groups":1', '"groups":2'))).to.match(
      /^out\/graph\.json: a\/conv\(\[4, 4, 2\]\): 2 -> 3/,
    );
  });

  it('never throws anything but our errors, however the text is mangled', () => {
    const text = toJson(small);
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(text.length), fc.string({ maxLength: 4 }), (i, j, piece) => {
        const mangled = text.slice(0, Math.min(i, j)) + piece + text.slice(Math.max(i, j));
        try {
          fromJson(mangled);
        } catch (e) {
          expect((e as Error).name).to.be.oneOf(['MoonletError', 'ShapeError']);
          expect((e as Error).message).not.to.contain('\n');
        }
      }),
      { numRuns: 500 },
    );
  });
});
