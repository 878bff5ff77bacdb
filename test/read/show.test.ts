/** @file A graph for the eye: the table and the mermaid picture, whole. */
import { expect } from 'chai';
import { graph, input } from '../../src/compose/index.ts';
import { columns, mermaid, table } from '../../src/read/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { fc } from '../support/property.ts';

const g = graph(
  'small',
  input(8, 8, 3)
    .pipe('stem', (x) => x.conv(16, { kernel: 3, stride: 2 }).norm().relu())
    .stack('stage1', [(x) => x.residual((y) => y.conv(16, { kernel: 3 }))])
    .pipe('head', (x) => x.globalPool().dense(10)),
);

describe('table', () => {
  it('has a row for each layer, and the sums', () => {
    expect(table(g)).to.equal(
      [
        'small',
        '',
        'path             op                    output      params    macs',
        'input            input [8, 8, 3]       [8, 8, 3]',
        'stem/conv        conv 3x3 16 stride=2  [4, 4, 16]     432   6,912',
        'stem/norm        norm                  [4, 4, 16]      32',
        'stem/act         relu                  [4, 4, 16]',
        'stage1/0/conv    conv 3x3 16           [4, 4, 16]   2,304  36,864',
        'stage1/0/add     add                   [4, 4, 16]',
        'head/globalPool  globalAvgPool         [16]',
        'head/dense       dense 10              [10]           170     160',
        'total            8 layers                           2,938  43,936',
      ].join('\n'),
    );
  });

  it('columns align numbers to the right and leave no blanks at the ends', () => {
    expect(
      columns(
        [
          ['a', 'n'],
          ['bb', '12'],
          ['c', ''],
        ],
        [1],
      ),
    ).to.equal('a    n\nbb  12\nc');
    expect(columns([])).to.equal('');
  });
});

describe('mermaid', () => {
  it('draws blocks as boxes and every edge', () => {
    expect(mermaid(g)).to.equal(
      [
        'flowchart TD',
        '  n0["input [8, 8, 3]<br/>8x8x3"]',
        '  subgraph n1_0 ["stem"]',
        '    n1["conv 3x3 16 stride=2<br/>4x4x16"]',
        '    n2["norm<br/>4x4x16"]',
        '    n3["relu<br/>4x4x16"]',
        '  end',
        '  subgraph n4_0 ["stage1"]',
        '    subgraph n4_1 ["0"]',
        '      n4["conv 3x3 16<br/>4x4x16"]',
        '      n5["add<br/>4x4x16"]',
        '    end',
        '  end',
        '  subgraph n6_0 ["head"]',
        '    n6["globalAvgPool<br/>16"]',
        '    n7["dense 10<br/>10"]',
        '  end',
        '  n0 --> n1',
        '  n1 --> n2',
        '  n2 --> n3',
        '  n3 --> n4',
        '  n3 --> n5',
        '  n4 --> n5',
        '  n5 --> n6',
        '  n6 --> n7',
      ].join('\n'),
    );
  });

  it('opens and closes as many boxes, and names each node and edge once, for random graphs', () => {
    fc.assert(
      fc.property(arbitraryGraph(), (random) => {
        const lines = mermaid(random).split('\n');
        const count = (pattern: RegExp): number => lines.filter((l) => pattern.test(l)).length;
        expect(count(/^ +end$/)).to.equal(count(/^ +subgraph /));
        expect(count(/^ +n\d+\["/)).to.equal(random.nodes.length);
        expect(count(/ --> /)).to.equal(random.nodes.reduce((n, node) => n + node.inputs.length, 0));
      }),
      { numRuns: 60 },
    );
  });
});
