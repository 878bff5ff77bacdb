/** @file The report of the main job: one file, in the reader's colours, its charts in one style. */
import { expect } from 'chai';
import { quickstartReport } from '../../scripts/lib/quickstart-report.ts';

const curve = (name: string, end: number) => ({
  name,
  losses: Array.from({ length: 1000 }, (_, i) => end + 2 * Math.exp(-i / 100)),
  validation: [100, 500, 1000].map((step) => [step, 1 - end / step] as const),
});

describe("the main job's report", () => {
  let html: string;
  before(async () => {
    html = await quickstartReport({
      lead: 'a <student> learns',
      costs: [
        ['', 'params'],
        ['student', '1'],
      ],
      results: [
        ['', 'accuracy'],
        ['student', '99 %'],
      ],
      aboutResults: 'about',
      curves: [curve('distilled', 0.1), curve('alone', 0.2)],
      heldOut: 2000,
      mistakes: [{ pixels: new Uint8Array(784), caption: 'is 1, student 7' }],
      shape: [28, 28, 1],
      plan: [['training steps', '1,000']],
    });
  });

  it('is one file that loads nothing, with its texts escaped', () => {
    expect(html).to.match(/^<!doctype html>/);
    expect(html).to.include('a &lt;student&gt; learns');
    expect(html).not.to.match(/(src|href)="(?!data:)/);
  });

  it('follows the screen: its width, and light or dark', () => {
    expect(html).to.include('width=device-width').and.to.include('prefers-color-scheme: dark');
    for (const svg of html.match(/<svg[\s\S]*?<\/svg>/g) ?? []) {
      expect(svg)
        .to.include('currentColor')
        .and.not.to.match(/#333333|#e4e4e4|fill="white"/);
      expect(Number(/width="(\d+)/.exec(svg)?.[1])).to.be.at.most(400);
    }
  });

  it('has two charts of one style, whose axes say what they show, and the plan as a table', () => {
    const charts = html.match(/<svg[\s\S]*?<\/svg>/g) ?? [];
    expect(charts).to.have.length(2);
    const markers = charts.map((svg) => svg.match(/aria-roledescription="point"/g)?.length ?? 0);
    expect(markers).to.deep.equal([2 * 20, 2 * 3]);
    for (const text of ['training step', 'cross-entropy', 'error rate']) expect(html).to.include(text);
    expect(html).to.include('<td class="left">training steps</td><td class="left">1,000</td>');
  });
});
