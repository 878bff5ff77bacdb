/** @file The shipped students: whole, and as their cards say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { UsageError } from '../../src/errors.ts';
import { isMap, shapes } from '../../src/graph/index.ts';
import { cost } from '../../src/read/cost.ts';
import { bytesOf } from '../../src/weights/index.ts';
import { loadStudent, makeIndex, parseIndex, readCard, studentNames } from '../../zoo/index.ts';
import { zooFolder } from '../../zoo/students.ts';
import { messageOf } from '../support/errors.ts';

const names = studentNames();

describe('a shipped student', () => {
  it('is there: at least the teacher of the main job', () => expect(names).to.include('mnist/wrn-16-1'));

  it('stands in the index of the registry as it is on disk', () => {
    const root = zooFolder('students');
    const index = parseIndex(readFileSync(join(root, 'index.json'), 'utf8'), 'index.json');
    expect(index).to.deep.equal(makeIndex(root));
    expect(index.nets.map((net) => net.id)).to.deep.equal(names);
  });

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
