/**
 * @file Memory on microcontrollers: by hand, against a simulator that looks at every value and every pixel, and to the figures that the
 * papers give.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import * as z from 'zod';
import { compose, mobilenetV2 } from '../../zoo/architectures/index.ts';
import { graph, input } from '../../src/compose/index.ts';
import { channelsOf, type Graph, isMap, nodesById, shapes, sizeOf, slide } from '../../src/graph/index.ts';
import { cost, type McuReport, mcuReport } from '../../src/read/index.ts';
import { mcuFigures, parseSize } from '../../src/read/mcu/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { UsageError } from '../../src/errors.ts';
import { messageOf } from '../support/errors.ts';
import { fc } from '../support/property.ts';

/** The layer of each node, by its place in the report. */
const layerOf = ({ layers }: McuReport): ReadonlyMap<string, number> =>
  new Map(layers.flatMap(({ nodes }, i) => nodes.map((id) => [id, i] as const)));

/** Values alive at each layer: those that are written by then and read then or later, each looked for anew. */
function simulated(g: Graph, report: McuReport): readonly number[] {
  const at = layerOf(report);
  return report.layers.map((_, now) =>
    report.layers.reduce((sum, { nodes, shape }, i) => {
      const own = new Set(nodes);
      const isRead = g.nodes.some((n) => (at.get(n.id) ?? 0) >= now && n.inputs.some((id) => own.has(id)));
      const isNeeded = i === now || isRead || g.outputs.some((id) => own.has(id));
      return i <= now && isNeeded ? sum + sizeOf(shape) : sum;
    }, 0),
  );
}

/** For one patch of the last layer, the box of the pixels of each layer that it needs, found pixel by pixel. */
function boxes(
  g: Graph,
  report: McuReport,
  end: number,
  out: ReadonlySet<string>,
): ReadonlyMap<number, number[]> {
  const [at, byId, shapeById] = [layerOf(report), nodesById(g), shapes(g)];
  const needed = new Map<number, Set<string>>([[end, new Set(out)]]);
  const box = (pixels: ReadonlySet<string>): number[] => {
    const [rows, columns] = [0, 1].map((i) => [...pixels].map((p) => Number(p.split(',')[i])));
    return [Math.min(...rows!), Math.max(...rows!) + 1, Math.min(...columns!), Math.max(...columns!) + 1];
  };
  const found = new Map<number, number[]>();
  for (let i = end; i >= 0; i--) {
    const [r0, r1, c0, c1] = box(needed.get(i) ?? new Set()) as [number, number, number, number];
    found.set(i, [r0, r1, c0, c1]);
    const head = byId.get(report.layers[i]!.nodes[0]!)!;
    for (const id of head.inputs) {
      const j = at.get(id)!;
      const [h, w] = shapeById.get(id) as readonly [number, number, number];
      const pixels = needed.get(j) ?? new Set<string>();
      needed.set(j, pixels);
      for (let r = r0; r < r1; r++)
        for (let c = c0; c < c1; c++)
          for (const [y, x] of readsOf(head.op, [h, w], r, c))
            if (y >= 0 && x >= 0 && y < h && x < w) pixels.add(`${y},${x}`);
    }
  }
  return found;
}
function readsOf(
  op: Graph['nodes'][number]['op'],
  map: readonly [number, number],
  r: number,
  c: number,
): [number, number][] {
  if (op.kind !== 'conv' && op.kind !== 'pool') return [[r, c]];
  const [kernel, dilation] = op.kind === 'conv' ? [op.kernel, op.dilation] : [op.size, [1, 1] as const];
  const { pads } = slide(map, { kernel, stride: op.stride, dilation, padding: op.padding });
  const all: [number, number][] = [];
  for (let a = 0; a < kernel[0]; a++)
    for (let b = 0; b < kernel[1]; b++)
      all.push([
        r * op.stride[0] + a * dilation[0] - pads.top,
        c * op.stride[1] + b * dilation[1] - pads.left,
      ]);
  return all;
}

/** Multiply-adds of a schedule by patches, pixel by pixel. */
function patchMacs(g: Graph, report: McuReport): { macs: number; patch: number[] } {
  const { grid, until } = report.patches!;
  const end = report.layers.findIndex((l) => l.id === until);
  const [h, w] = report.layers[end]!.shape as readonly [number, number, number];
  const cuts = (size: number): number[] =>
    Array.from({ length: Math.min(grid, size) + 1 }, (_, i) => Math.floor((i * size) / Math.min(grid, size)));
  let macs = report.layers.slice(end + 1).reduce((n, l) => n + l.macs, 0);
  const patch = [0, 0];
  for (const [i, r1] of cuts(h).entries())
    for (const [j, c1] of cuts(w).entries()) {
      if (!i || !j) continue;
      const out = new Set<string>();
      for (let r = cuts(h)[i - 1]!; r < r1; r++)
        for (let c = cuts(w)[j - 1]!; c < c1; c++) out.add(`${r},${c}`);
      for (const [k, [a, b, x, y]] of boxes(g, report, end, out) as ReadonlyMap<
        number,
        [number, number, number, number]
      >) {
        const { shape, macs: all } = report.layers[k]!;
        macs += (all / (sizeOf(shape) / channelsOf(shape))) * (b - a) * (y - x);
        if (k === 0) [patch[0], patch[1]] = [Math.max(patch[0]!, b - a), Math.max(patch[1]!, y - x)];
      }
    }
  return { macs: Math.round(macs), patch };
}

/** What `tflite_micro` says of the nets of MLPerf Tiny; see scripts/reference/microcontrollers.py. */
const micro = z
  .object({ nets: z.array(z.object({ net: z.string(), fileBytes: z.number(), arenaHead: z.number() })) })
  .parse(JSON.parse(readFileSync('test/read/reference/microcontrollers.json', 'utf8')));
const refusal = (call: () => unknown): string => messageOf(call, UsageError);

describe('mcuReport', () => {
  it('has the figures of the papers: MobileNetV2 in 1372 kB, and with 4x4 patches of 75x75 in 172 kB', () => {
    const { inPlace, patches } = mcuReport(mobilenetV2());
    expect([inPlace.int8 / 1024, inPlace.layer]).to.deep.equal([1372, 'stage2/0/expand/conv']);
    expect([patches?.grid, patches?.patch]).to.deep.equal([4, [75, 75]]);
    expect(Math.round((patches?.int8 ?? 0) / 1024)).to.equal(172);
  });

  it('stores less than int8 files of TensorFlow Lite, which have names and tables beside the numbers', () => {
    for (const { net, fileBytes } of micro.nets)
      expect(mcuReport(compose(net)).flash.int8, net).to.be.within(0.6 * fileBytes, fileBytes);
  });

  it('is what TensorFlow Lite for Microcontrollers allocates, where its planner leaves no gap', () => {
    const heads = micro.nets.map(({ net, arenaHead }) => [net, arenaHead]);
    const ours = micro.nets.map(({ net }) => [net, mcuReport(compose(net)).plain.int8]);
    const gap = { 'mobilenet-v1-vww': 73_728 - 55_296, autoencoder: 640 - 128 }; // a gap between tensors; a copy of the flat input
    expect(
      ours.map(([net, n]) => [net, Number(n) + (new Map(Object.entries(gap)).get(String(net)) ?? 0)]),
    ).to.deep.equal(heads);
  });

  it('counts a residual block by hand', () => {
    const g = graph(
      'g',
      input(8, 8, 4).residual((x) =>
        x.conv(16).norm().relu().depthwise({ kernel: 3 }).norm().relu().conv(4).norm(),
      ),
    );
    const report = mcuReport(g, { patches: 2 });
    const hw = 64;
    expect(report.layers.map((l) => [l.kind, l.plain, l.inPlace])).to.deep.equal([
      ['input', 4 * hw, 4 * hw],
      ['conv', 20 * hw, 20 * hw],
      ['conv', 36 * hw, 21 * hw], // the skip, 16 channels and one more
      ['conv', 24 * hw, 20 * hw], // adds to the skip
      ['add', 12 * hw, 4 * hw],
    ]);
    expect(report.flash).to.deep.equal({
      fp32: 4 * (4 * 16 + 16 + 9 * 16 + 16 + 16 * 4 + 4),
      int8: 4 * 16 + 9 * 16 + 16 * 4 + 8 * (16 + 16 + 4) + 8 * 5,
    });
    // patches of 4x4 read 5x5 of the input; the output of 8x8 is there throughout
    expect(report.patches).to.deep.include({ grid: 2, patch: [5, 5], until: report.layers.at(-1)?.id });
    expect(report.layers[2]?.patches).to.equal(4 * hw + 25 * 4 + 16 * 25 + 16);
    expect(report.patches?.extra).to.equal(4 * (25 - 16) * 4 * 16);
    const held = mcuReport(g, { patches: 2, holdInput: true });
    expect(held.layers[2]?.patches).to.equal(4 * hw + 4 * hw + 16 * 25 + 16);
  });

  it('keeps what others read: an activation beside a second reader is a layer of its own', () => {
    const x = input(4, 4, 2).conv(4);
    const g = graph('g', x.relu().add(x.dropout(0.5)));
    expect(mcuReport(g).layers.map((l) => [l.kind, l.plain, l.inPlace])).to.deep.equal([
      ['input', 32, 32],
      ['conv', 96, 96],
      ['act', 128, 128],
      ['add', 192, 192],
    ]);
  });

  it('is the sum of the tensors that are alive, on random graphs', () => {
    fc.assert(
      fc.property(arbitraryGraph(), (g) => {
        const report = mcuReport(g);
        expect(report.layers.flatMap((l) => l.nodes)).to.have.members(g.nodes.map((n) => n.id));
        expect(report.layers.map((l) => l.plain)).to.deep.equal(simulated(g, report));
        expect(report.macs).to.equal(cost(g).macs);
        expect(report.plain.fp32).to.equal(4 * report.plain.int8);
        for (const l of report.layers) expect(l.inPlace).to.be.within(sizeOf(l.shape), l.plain);
        const { patches, inPlace, plain, flash } = report;
        for (const numbers of ['int8', 'fp32'] as const)
          for (const [schedule, sram] of [
            ['plain', plain],
            ['in-place', inPlace],
            ['patches', patches ?? inPlace],
          ] as const)
            expect(mcuFigures(g, { numbers, schedule })).to.deep.equal({
              sram: sram[numbers],
              flash: flash[numbers],
            });
      }),
      { numRuns: 100 },
    );
  });

  it('computes what patches need, pixel by pixel, on random chains', () => {
    fc.assert(
      fc.property(
        arbitraryGraph({ steps: 8, only: ['conv', 'depthwise', 'norm', 'act', 'pool', 'add'], outputs: 1 }),
        fc.integer({ min: 1, max: 3 }),
        (g, patches) => {
          const report = mcuReport(g, { patches });
          fc.pre(report.patches !== undefined && isMap(report.layers[0]!.shape));
          const { macs, patch } = patchMacs(g, report);
          expect([report.patches?.macs, report.patches?.patch]).to.deep.equal([macs, patch]);
          // one patch leaves out what no window reads
          if (patches === 1) expect(report.patches?.extra).to.be.at.most(0);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('keeps to a budget with the fewest multiply-adds', () => {
    const [loose, tight] = [256, 173].map((kib) => mcuReport(mobilenetV2(), { sram: kib * 1024 }).patches!);
    expect(loose!.int8).to.be.at.most(256 * 1024);
    expect(tight!.int8).to.be.at.most(173 * 1024);
    expect(loose!.extra).to.be.below(tight!.extra);
  });

  it('refuses what is no grid or no end', () => {
    const g = mobilenetV2();
    expect(refusal(() => mcuReport(g, { patches: 0 }))).to.equal(
      'patches: 0 is not a whole number from 1 to 64',
    );
    expect(refusal(() => mcuReport(g, { until: 'stage9' }))).to.match(
      /^until: no layer "stage9"; they can at stem\/conv, /,
    );
    expect(refusal(() => mcuReport(g, { until: 'stage2/1/expand/conv' }))).to.match(
      /^until: patches cannot end at "stage2\/1\/expand\/conv", since later layers read earlier values/,
    );
    expect(refusal(() => parseSize('3 PB'))).to.match(/^"3 PB" is no size of memory; write bytes, or 256 KB/);
    expect(['256 KB', '1MB', '64 kB', '77'].map(parseSize)).to.deep.equal([262_144, 1_048_576, 64_000, 77]);
  });
});
