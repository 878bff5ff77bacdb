/** @file A net run piece by piece gives what one run of all gives, and computes no node twice. */
import { expect } from 'chai';
import { compile } from '../../src/engine/index.ts';
import { graph, init, input } from '../../src/index.ts';
import { segments } from '../../src/learn/structure/segments.ts';
import { float, type Net } from '../../src/weights/index.ts';
import { noise } from '../support/nets.ts';

const net = init(
  graph(
    'pieces',
    input(6, 6, 2)
      .pipe('first', (x) => {
        const a = x.conv(4, { kernel: 3 }).act('relu');
        return a.conv(4).add(a).norm();
      })
      .pipe('second', (x) => {
        const b = x.conv(3, { kernel: 3, stride: 2 }).act('relu');
        return b.conv(3).concat(b).act('relu');
      })
      .globalPool()
      .dense(5),
  ),
);
const x = noise(5 * 72, 'pieces');
const inputs = net.graph.nodes.flatMap((n) =>
  n.op.kind === 'conv' || n.op.kind === 'dense' ? [n.inputs[0] as string] : [],
);
/** The net with zeros for the weights of some nodes. */
const without = (under: string): Net => ({
  graph: net.graph,
  weights: new Map(
    [...net.weights].map(([key, w]) => [
      key,
      key.startsWith(under) ? float(w.shape, new Float32Array(w.shape.reduce((n, d) => n * d, 1))) : w,
    ]),
  ),
});
async function expectWhole(later: readonly string[], netAt: (id: string) => Net): Promise<void> {
  const whole = await compile(net, { values: later });
  const wanted = await whole.run(x);
  await whole.release();
  const pieces = segments(net.graph, x, later, {});
  for (const id of later) {
    const value = await pieces.value(netAt(id), id);
    expect(value.length).to.equal(wanted.get(id)?.length);
    for (const [i, v] of value.entries()) expect(v, id).to.be.closeTo(wanted.get(id)?.[i] as number, 1e-5);
  }
}

describe('pieces of a net', () => {
  it('give what one run gives, asked for in order and again', async () => {
    await expectWhole([...inputs, ...inputs.slice(-1), ...net.graph.outputs], () => net);
  });
  it('are not computed again: weights before them may have changed', async () => {
    const end = net.graph.nodes.filter((n) => n.id.startsWith('first/')).at(-1)?.id as string;
    const later = [...inputs, ...net.graph.outputs];
    const passed = later.indexOf(end);
    expect(passed).to.be.above(0);
    await expectWhole(later, (id) => (later.indexOf(id) > passed ? without('first/') : net));
  });
});
