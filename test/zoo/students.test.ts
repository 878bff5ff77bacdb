/** @file The shipped students: whole, and as their cards say. */
import { expect } from 'chai';
import { UsageError } from '../../src/errors.ts';
import { isMap, shapes } from '../../src/graph/index.ts';
import { cost } from '../../src/read/cost.ts';
import { bytesOf } from '../../src/weights/index.ts';
import { loadStudent, readCard, studentNames } from '../../zoo/index.ts';
import { messageOf } from '../support/errors.ts';

const names = studentNames();

describe('a shipped student', () => {
  it('is there: at least the teacher of the main job', () => expect(names).to.include('mnist/wrn-16-1'));

  for (const name of names) {
    it(`${name} has the files and the counts of its card`, () => {
      const card = readCard(name); // its sha256 sums are checked in loading
      const net = loadStudent(name);
      const c = cost(net.graph);
      expect([c.params, c.macs, bytesOf(net)]).to.deep.equal([card.params, card.macs, card.bytes]);
      expect(card.id).to.equal(name);
      expect(name.startsWith(`${card.data}/`)).to.equal(true);
      if (card.teacher !== undefined) expect(names).to.include(card.teacher);
      expect(net.graph.outputs.every((id) => !isMap(shapes(net.graph).get(id) ?? [0]))).to.equal(true);
      for (const [key, { data }] of net.weights) expect(data.every(Number.isFinite), key).to.equal(true);
    });
  }

  it('that does not exist is refused, with the nearest name', () => {
    expect(messageOf(() => loadStudent('mnist/wrn-16-2'), UsageError)).to.match(
      /^no student "mnist\/wrn-16-2", and no folder of that name with graph\.json\. Did you mean "mnist\/wrn-16-1"\?/,
    );
    expect(messageOf(() => readCard('mnist/none'))).to.match(
      /mnist\/none\/card\.json: cannot be read \(ENOENT\)$/,
    );
  });
});
