/** @file Moonshine's blocks (arXiv:1711.02613): the paper's counts, the structure of each block, and what is refused. */
import { expect } from 'chai';
import { cheapen } from '../../src/edit/cheapen.ts';
import { type Conv, check, type Graph, nodeAt, select, shapes } from '../../src/graph/index.ts';
import { graph, input } from '../../src/index.ts';
import { cost } from '../../src/read/index.ts';
import { compose, resnet34, resnetCifar, wrn } from '../../zoo/index.ts';

const teacher = wrn({ depth: 40, width: 2 });
const convAt = (g: Graph, id: string): Conv => {
  const { op } = nodeAt(g, id);
  if (op.kind !== 'conv') throw new Error(`${id} is no conv`);
  return op;
};

/** WRN-40-2 on CIFAR-10 with every block replaced: parameters, and multiply-adds in millions as printed. */
const table: readonly (readonly [block: string, params: number, macs: string])[] = [
  ['S', 2_243_546, '327.60'],
  ['G(2)', 1_358_970, '197.44'],
  ['G(4)', 814_650, '117.82'],
  ['G(8)', 542_490, '78.01'],
  ['G(16)', 406_410, '58.10'],
  ['G(N/16)', 641_274, '133.15'],
  ['G(N/8)', 455_802, '85.67'],
  ['G(N/4)', 363_066, '61.93'],
  ['G(N/2)', 316_698, '50.06'],
  ['G(N)', 293_514, '44.13'],
  ['B(2)', 431_834, '64.14'],
  ['B(4)', 150_938, '22.46'],
  ['BG(2,2)', 286_682, '42.91'],
  ['BG(2,4)', 214_106, '32.29'],
  ['BG(2,8)', 177_818, '26.99'],
  ['BG(2,16)', 159_674, '24.33'],
  ['BG(2,M/16)', 238_298, '46.45'],
  ['BG(2,M/8)', 189_914, '34.06'],
  ['BG(2,M/4)', 165_722, '27.87'],
  ['BG(2,M/2)', 153_626, '24.77'],
  ['BG(2,M)', 147_578, '23.23'],
  ['BG(4,2)', 114_650, '17.16'],
  ['BG(4,4)', 96_506, '14.50'],
  ['BG(4,8)', 87_434, '13.17'],
  ['BG(4,M/8)', 102_554, '18.04'],
  ['BG(4,M/4)', 90_458, '14.94'],
  ['BG(4,M/2)', 84_410, '13.40'],
  ['BG(4,M)', 81_386, '12.62'],
];

describe('cheapen on WRN-40-2', () => {
  for (const [block, params, macs] of table) {
    it(`${block}: ${params} parameters, ${macs} M MACs; 11,610 more for 100 classes`, () => {
      const c = cost(cheapen(teacher, block));
      expect(c.params).to.equal(params);
      expect((c.macs / 1e6).toFixed(2)).to.equal(macs);
      expect(cost(cheapen(wrn({ depth: 40, width: 2, classes: 100 }), block)).params).to.equal(
        params + 11_610,
      );
    });
  }
});

describe('cheapen on ResNet-34', () => {
  it('G(4) and G(N) have the published counts', () => {
    const counts = ['G(4)', 'G(N)'].map((block) => cost(cheapen(resnet34(), block)));
    expect(counts.map((c) => [c.params, c.macs])).to.deep.equal([
      [8_146_600, 1_389_383_680],
      [3_132_520, 553_614_592],
    ]);
  });
});

describe('cheapen', () => {
  it('S gives the graph itself', () => expect(cheapen(teacher, 'S')).to.equal(teacher));

  it('reads a block with blanks in it, and puts it into the name', () => {
    expect(cheapen(teacher, ' BG( 2, M/4 ) ')).to.deep.equal(cheapen(teacher, 'BG(2,M/4)'));
    expect(cheapen(teacher, 'BG( 2, 2 )').name).to.equal('wrn depth=40 width=2 BG(2,2)');
  });

  it('B(b) is BG(b,1), and G(1) keeps the convs and adds 1x1 ones', () => {
    expect(cheapen(teacher, 'B(2)').nodes).to.deep.equal(cheapen(teacher, 'BG(2,1)').nodes);
    const full = select(cheapen(teacher, 'G(1)')).glob('**/filter/conv');
    for (const n of full.nodes) expect(n.op).to.include({ kind: 'conv', groups: 1 });
    expect(full.nodes).to.have.length(36);
  });

  it('G(g): a grouped conv of the input width with the stride, norm, act, then 1x1', () => {
    const g = cheapen(wrn(), 'G(4)');
    const first = select(g).under('stage2/0/first');
    expect(first.ids).to.deep.equal(
      ['filter/conv', 'filter/norm', 'filter/act', 'mix/conv', 'norm', 'act'].map(
        (id) => `stage2/0/first/${id}`,
      ),
    );
    // stage2/0 is 16 -> 32 channels, with stride 2
    expect(convAt(g, 'stage2/0/first/filter/conv')).to.deep.include({
      out: 16,
      groups: 4,
      kernel: [3, 3],
      stride: [2, 2],
      padding: [1, 1, 1, 1],
    });
    expect(convAt(g, 'stage2/0/first/mix/conv')).to.deep.include({
      out: 32,
      groups: 1,
      kernel: [1, 1],
      stride: [1, 1],
    });
    expect(convAt(g, 'stage2/0/second/filter/conv')).to.deep.include({ out: 32, groups: 4, stride: [1, 1] });
  });

  it('G(N/k): k channels a group, at every width', () => {
    const g = cheapen(wrn(), 'G(N/8)');
    expect(convAt(g, 'stage1/0/first/filter/conv').groups).to.equal(2);
    expect(convAt(g, 'stage3/0/second/filter/conv').groups).to.equal(8);
    expect(convAt(cheapen(wrn(), 'G(N)'), 'stage3/0/second/filter/conv').groups).to.equal(64);
  });

  it('B(b): one bottleneck for both convs, the stride on its filter', () => {
    const g = cheapen(wrn(), 'BG(2,M/4)');
    expect(select(g).under('stage2/0').ids).to.deep.equal(
      [
        'pre/norm',
        'pre/act',
        'shortcut/conv',
        'narrow/conv',
        'narrow/norm',
        'narrow/act',
        'filter/conv',
        'filter/norm',
        'filter/act',
        'widen/conv',
        'add',
      ].map((id) => `stage2/0/${id}`),
    );
    expect(convAt(g, 'stage2/0/narrow/conv')).to.deep.include({
      out: 16,
      kernel: [1, 1],
      stride: [1, 1],
      groups: 1,
    });
    expect(convAt(g, 'stage2/0/filter/conv')).to.deep.include({
      out: 16,
      kernel: [3, 3],
      stride: [2, 2],
      groups: 4,
    });
    expect(convAt(g, 'stage2/0/widen/conv')).to.deep.include({ out: 32, kernel: [1, 1], stride: [1, 1] });
  });

  it('leaves stem, shortcuts, head and every shape of a block as they were', () => {
    for (const [g, block] of [
      [teacher, 'G(8)'],
      [teacher, 'BG(4,M)'],
      [resnetCifar(), 'B(2)'],
      [resnet34(), 'G(N)'],
    ] as const) {
      const made = cheapen(g, block);
      const [was, is] = [shapes(g), shapes(made)];
      for (const { id, op } of g.nodes) {
        const stays = /^(input|stem|head)|\/shortcut\/|\/pre\//.test(id) || op.kind === 'add';
        if (!stays) continue;
        expect(is.get(id), `${made.name} ${id}`).to.deep.equal(was.get(id));
        expect(nodeAt(made, id).op).to.deep.equal(op);
      }
      expect(check(made)).to.equal(made);
    }
  });

  it('takes norms and activations as the branch has them', () => {
    const norm = { eps: 1e-3, momentum: 0.99 };
    const g = graph(
      'g',
      input(8, 8, 8).residual((x) =>
        x.conv(8, { kernel: 3 }).norm(norm).act('hardSwish').conv(8, { kernel: 3 }).norm(norm),
      ),
    );
    for (const block of ['G(2)', 'B(2)']) {
      const ops = cheapen(g, block).nodes.map((n) => n.op);
      for (const op of ops) {
        if (op.kind === 'norm') expect(op.eps).to.equal(1e-3);
        if (op.kind === 'act') expect(op.fn).to.equal('hardSwish');
      }
      expect(ops.filter((op) => op.kind === 'act')).to.have.length(block === 'G(2)' ? 3 : 2);
    }
  });

  it('makes resnet-cifar and, by G, resnet-50 cheap', () => {
    const small = cheapen(resnetCifar(), 'G(4)');
    // 18 convs of 3x3 become 3x3 in 4 groups, norm and 1x1; the stem and two shortcuts stay
    expect(cost(small).params).to.be.below(cost(resnetCifar()).params / 2.2);
    const bottlenecks = cheapen(compose('resnet-50'), 'G(N)');
    expect(convAt(bottlenecks, 'stage1/0/filter/filter/conv')).to.deep.include({ out: 64, groups: 64 });
    // each of 16 3x3 convs of m channels: 9 m m -> 9 m + m m, and a norm of m
    const saved = [64, 128, 256, 512].reduce(
      (n, m, i) => n + [3, 4, 6, 3][i]! * (9 * m * m - (9 * m + m * m + 2 * m)),
      0,
    );
    expect(cost(bottlenecks).params).to.equal(25_557_032 - saved);
  });

  it('works on graphs made by hand, whose blocks have no paths', () => {
    const body = (x: ReturnType<typeof stem>): ReturnType<typeof stem> =>
      x.add(x.conv(8, { kernel: 3 }).norm().relu().conv(8, { kernel: 3 }).norm());
    const stem = () => input(8, 8, 3).conv(8, { kernel: 3 });
    const g = graph('hand', body(body(stem())).globalPool().dense(2));
    for (const block of ['G(2)', 'G(N)', 'B(2)', 'BG(2,M)']) {
      const made = cheapen(g, block);
      expect(check(made)).to.equal(made);
      expect(
        select(made)
          .kind('conv')
          .where((n) => n.op.kind === 'conv' && n.op.kernel[0] > 1).nodes,
      ).to.have.length(block.startsWith('G') ? 5 : 3);
      expect(convAt(made, 'conv').out).to.equal(8);
      expect(made.outputs).to.deep.equal(g.outputs);
    }
    const single = graph(
      'one',
      input(8, 8, 8).residual((x) => x.conv(8, { kernel: 3 })),
    );
    expect(select(cheapen(single, 'G(2)')).kind('conv').ids).to.deep.equal([
      'conv/filter/conv',
      'conv/mix/conv',
    ]);
  });

  it('makes cheap what it made cheap, under new paths', () => {
    const twice = cheapen(cheapen(wrn(), 'B(2)'), 'G(4)');
    expect(convAt(twice, 'stage1/0/filter/filter/conv').groups).to.equal(4);
    expect(check(twice)).to.equal(twice);
  });
});
