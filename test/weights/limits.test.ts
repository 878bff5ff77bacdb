/** @file Weights from files: sizes against a limit before memory is given, and names of any length in one short line. */
import { expect } from 'chai';
import { graph, input } from '../../src/compose/index.ts';
import { MoonletError } from '../../src/errors.ts';
import { type Graph, toJson } from '../../src/graph/index.ts';
import {
  circulant,
  codebook,
  codeLengths,
  encodings,
  float,
  half,
  hashed,
  huffmanDecode,
  type Net,
  net,
  pack,
  packCompact,
  quantized,
  type StoredTensor,
  sparse,
  ternary,
  unpack,
  unpackCompact,
  type Weight,
  writeSafetensors,
} from '../../src/weights/index.ts';
import { messageOf } from '../support/errors.ts';

const dense = (inputs: number, outputs: number): Graph =>
  graph(
    'g',
    input(1, 1, inputs)
      .globalPool()
      .pipe('head', (x) => x.dense(outputs, { bias: false })),
  );
const key = 'head/dense:kernel';

describe('encoded weights of a file', () => {
  it('of 40,000 x 40,000 in a few bytes are refused before they are made', () => {
    const wide = dense(40_000, 40_000);
    const shape = [40_000, 40_000];
    for (const [encoding, more, names] of [
      ['hashed', { seed: 1 }, ['data']],
      ['circulant', { block: 40_000 }, ['data']],
      ['codebook', { bits: 1 }, ['data', 'centroids']],
      ['quantized', { bits: 2 }, ['data', 'scales']],
      ['ternary', {}, ['data', 'scales', 'negative']],
      ['binary', {}, ['data', 'scales']],
      ['sparse', { values: { encoding: 'float32', shape: [0] } }, ['data', 'values.data']],
    ] as const) {
      const tensors = new Map(
        names.map((name): readonly [string, StoredTensor] =>
          name === 'data' && !['hashed', 'circulant'].includes(encoding)
            ? [`${key}.${name}`, { dtype: 'U8', shape: [1], data: new Uint8Array(1) }]
            : [`${key}.${name}`, { dtype: 'F32', shape: [1], data: new Float32Array(1) }],
        ),
      );
      const text = JSON.stringify({ [key]: { encoding, shape, ...more } });
      const metadata = { format: 'moonlet-weights', encodings: text };
      const weights = writeSafetensors({ tensors, metadata });
      expect(weights.length).to.be.below(600);
      const before = process.memoryUsage().arrayBuffers;
      expect(messageOf(() => unpack({ graphJson: toJson(wide), weights }, 'net'))).to.equal(
        `net/weights.safetensors: "${key}" of shape [40000, 40000] would take more than 1073741824 bytes of memory; if that is meant, raise maxBytes`,
      );
      expect(process.memoryUsage().arrayBuffers - before).to.be.below(2 ** 24);
    }
  });

  const g = dense(8, 16);
  const values = float(
    [8, 16],
    Float32Array.from({ length: 128 }, (_, i) => (i % 3 ? Math.sin(i) : 0)),
  );
  const netOf = (weight: Weight): Net => net(g, new Map([[key, weight] as const]));
  for (const [what, weight] of [
    ['halves', half(values)],
    ['hashed', hashed(values, 5, 1)],
    ['circulant', circulant(values, 8)],
    ['codebook', codebook(values, Float32Array.of(-1, 0, 1))],
    ['quantized', quantized(values, { bits: 3 })],
    ['ternary', ternary(values)],
    ['sparse', sparse(values)],
  ] as const)
    it(`are read up to the limit, ${what} as both files`, () => {
      const stored = pack(netOf(weight));
      expect(unpack(stored, '', { maxBytes: 512 }).weights.get(key)).to.deep.equal(weight);
      expect(
        unpackCompact(g, packCompact(netOf(weight)), 'x', { maxBytes: 512 }).weights.get(key),
      ).to.deep.equal(weight);
      const over = /"head\/dense:kernel" of shape \[8, 16\] would take more than 511 bytes of memory/;
      if (what !== 'halves') expect(messageOf(() => unpack(stored, '', { maxBytes: 511 }))).to.match(over);
      expect(messageOf(() => unpackCompact(g, packCompact(netOf(weight)), 'x', { maxBytes: 511 }))).to.match(
        over,
      );
    });

  it('of a graph too wide for one array are refused in the compact file, too', () => {
    const bytes = packCompact(netOf(hashed(values, 5, 1)));
    expect(messageOf(() => unpackCompact(dense(2 ** 20, 2 ** 20), bytes, 'x'))).to.equal(
      'x: "head/dense:kernel" of shape [1048576, 1048576] would take more than 1073741824 bytes of memory; if that is meant, raise maxBytes',
    );
  });
  const head = [...'MLHC'].map((c) => c.charCodeAt(0)).concat(1);
  const kind = encodings.indexOf('sparse');
  it('that are sparse in each other, without end, are refused in the compact file', () => {
    // kind, no gaps, packed; then the kind of the values
    const nested = Uint8Array.from([...head, ...Array(100_000).fill([kind, 0, 0]).flat()]);
    expect(messageOf(() => unpackCompact(g, nested, 'x'))).to.equal(
      'x: values of no known encoding; the file is damaged',
    );
  });
  it('with more values than places are refused in the compact file', () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    expect(
      messageOf(() => unpackCompact(g, Uint8Array.from([...head, kind, 0, 0, 0, ...huge, 0, 0]), 'x')),
    ).to.equal(`x: ${2 ** 49 - 1} values for 128 places; the file is damaged`);
  });
  it('of more codes than bits end in one line', () => {
    const lengths = codeLengths(Uint8Array.of(0, 0, 1));
    for (const count of [25, 2 ** 40, 2 ** 60])
      expect(messageOf(() => huffmanDecode(Uint8Array.of(1, 2, 3), lengths, count))).to.equal(
        'the codes end too early or are none; the file is damaged',
      );
  });
});

describe('names in messages', () => {
  const long = 'x\u202e'.repeat(5000);
  const small = dense(2, 2);
  const kernel: StoredTensor = { dtype: 'F32', shape: [2, 2], data: new Float32Array(4) };
  const said = (tensors: Parameters<typeof writeSafetensors>[0]['tensors'], encodings?: string): string => {
    const metadata = { format: 'moonlet-weights', ...(encodings === undefined ? {} : { encodings }) };
    const weights = writeSafetensors({ tensors, metadata });
    return messageOf(() => unpack({ graphJson: toJson(small), weights }, 'net'), MoonletError);
  };
  for (const [what, message] of [
    [
      'a stray weight',
      said(
        new Map([
          [key, kernel],
          [`${long}:kernel`, kernel],
        ]),
      ),
    ],
    [
      'a name that is no weight',
      said(
        new Map([
          [key, kernel],
          [long, kernel],
        ]),
      ),
    ],
    [
      'another type',
      said(
        new Map([
          [key, kernel],
          [long, { ...kernel, dtype: 'I32', data: new Int32Array(4) }],
        ]),
      ),
    ],
    [
      'an encoding of its own',
      said(new Map([[key, kernel]]), JSON.stringify({ [long]: { encoding: long } })),
    ],
    [
      'a part that is missing',
      said(new Map([[key, kernel]]), JSON.stringify({ [long]: { encoding: 'hashed', shape: [2], seed: 1 } })),
    ],
    [
      'a node of a graph',
      messageOf(() =>
        unpack({ graphJson: toJson(small).replaceAll('head/dense', long), weights: new Uint8Array() }, 'net'),
      ),
    ],
  ] as const)
    it(`are cut and printable: ${what}`, () => {
      expect(message).to.match(/^net\/(weights\.safetensors|graph\.json): /);
      expect(message.length).to.be.below(700);
      expect(message).not.to.match(/\p{C}/u);
    });
});
