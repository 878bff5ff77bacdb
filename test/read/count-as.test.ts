/** @file Counts by the conventions of other tools, equal to what those tools say of the same nets and layers. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { marked, marks } from '../../scripts/lib/markdown.ts';
import { graph, input } from '../../src/compose/index.ts';
import { UsageError } from '../../src/errors.ts';
import { conventions } from '../../src/read/conventions.ts';
import { type CountTool, cost, countAs, countToolNamed, countTools } from '../../src/read/index.ts';
import { compose } from '../../zoo/architectures/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import {
  type CountRow,
  countedGraph,
  countReference,
  expectedCounts,
  layerGraph,
} from '../support/count-tools.ts';
import { countingParts } from '../support/counting-page.ts';
import { messageOf } from '../support/errors.ts';
import { fc } from '../support/property.ts';

const { versions, nets, layers } = countReference();
/** Tools by name, with what they said, typed. */
const said = ({ counts }: CountRow): readonly (readonly [CountTool, readonly number[]])[] =>
  countTools.flatMap((tool) => (counts[tool] ? [[tool, counts[tool]] as const] : []));

describe('countAs', () => {
  it('counts as the versions do that were asked', () => {
    const ours = Object.fromEntries(countTools.map((tool) => [tool, conventions[tool].version]));
    expect(ours).to.deep.equal(versions);
  });

  for (const tool of countTools) {
    it(`is held to 20 nets of which ${tool} sees every layer`, () => {
      const whole = nets.filter(({ counts, seen }) => counts[tool] && !seen[tool]);
      expect(whole.length).to.be.at.least(20);
    });
  }

  for (const counted of nets) {
    it(`is what the tools say of ${counted.net}, by ${counted.by}`, () => {
      const graph = countedGraph(counted);
      for (const [tool, numbers] of said(counted))
        expect(expectedCounts(graph, counted, tool), tool).to.deep.equal(numbers);
    });
  }

  for (const counted of layers) {
    it(`is what the tools say of ${JSON.stringify(counted.op)} on [${counted.input.join(', ')}]`, () => {
      for (const [tool, numbers] of said(counted))
        expect(expectedCounts(layerGraph(counted), counted, tool), tool).to.deep.equal(numbers);
    });
  }

  it('is the sum of its layers and of its kinds, and agrees with cost, for random graphs', () => {
    fc.assert(
      fc.property(arbitraryGraph(), fc.constantFrom(...countTools), (g, tool) => {
        const c = countAs(g, tool);
        const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
        expect(sum(c.layers.map((l) => l.operations))).to.equal(c.operations);
        expect(sum(Object.values(c.byKind))).to.equal(c.operations);
        expect(sum(c.layers.map((l) => l.params))).to.equal(c.params);
        const { macs, params } = cost(g);
        expect(countAs(g, 'torch').operations).to.equal(2 * macs);
        expect(countAs(g, 'torch').params).to.equal(params);
        for (const l of c.layers) expect(l.operations, l.id).to.satisfy(Number.isSafeInteger);
      }),
      { numRuns: 100 },
    );
  });

  it('counts the products of attention where a tool does', () => {
    // the tools on timm 1.0.31 efficientvit_b0 at 224, without fused attention (TIMM_FUSED_ATTN=0)
    const said = {
      fvcore: 104_190_976,
      'ultralytics-thop': 108_091_904,
      ptflops: 102_468_328,
      'ptflops-aten': 100_723_432,
    } as const;
    for (const tool of ['fvcore', 'ultralytics-thop', 'ptflops', 'ptflops-aten'] as const)
      expect(countAs(compose('efficientvit'), tool).operations, tool).to.equal(said[tool]);
    // biases of scores are not added to what the op makes: levit_128s
    const { byKind } = countAs(compose('levit distilled=true'), 'ptflops-aten');
    expect(byKind.attention).to.equal(24_369_504);
    // and offsets of talking heads are added to each pair of places: efficientformerv2_s0
    const talking = countAs(compose('timm/efficientformerv2_s0'), 'ptflops-aten');
    expect(talking.operations).to.equal(400_813_360);
  });

  it('has the tables of docs/counting.md', () => {
    const page = readFileSync('docs/counting.md', 'utf8');
    for (const [what, content] of Object.entries(countingParts())) // else run npm run docs -- counting
      expect(marked(page, marks('scripts/docs/counting.ts', what)), what).to.equal(content);
  });

  it('refuses an unknown tool, and counts past 2^53', () => {
    expect(messageOf(() => countToolNamed('fvcor'), UsageError)).to.equal(
      'no tool "fvcor"; choose one of torch, fvcore, thop, ultralytics-thop, ptflops, ptflops-aten, keras. Did you mean "fvcore"?',
    );
    const huge = graph('huge', input(2 ** 27).dense(2 ** 25));
    expect(messageOf(() => countAs(huge, 'torch'))).to.equal(
      'huge: operations pass 2^53; choose a smaller net',
    );
  });
});
