/** @file The shipped students: whole, and as their cards say. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { pageText } from '../../scripts/zoo/page.ts';
import { loadDataset, take } from '../../src/data/index.ts';
import { cheapen } from '../../src/edit/cheapen.ts';
import { UsageError } from '../../src/errors.ts';
import { isMap, shapes } from '../../src/graph/index.ts';
import { evaluate, interval95, wilson } from '../../src/learn/task/index.ts';
import { cost } from '../../src/read/index.ts';
import { pairNamed } from '../../src/run/index.ts';
import { bytesOf } from '../../src/weights/index.ts';
import { zooFolder } from '../../zoo/folders.ts';
import { compose, loadStudent, makeIndex, parseIndex, readCard, studentNames } from '../../zoo/index.ts';
import { scratch } from '../support/cli.ts';
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
      for (const teacher of card.teacher?.split(' + ') ?? []) expect(names).to.include(teacher);
      expect(net.graph.outputs.every((id) => !isMap(shapes(net.graph).get(id) ?? [0]))).to.equal(true);
      for (const [key, { data }] of net.weights) expect(data.every(Number.isFinite), key).to.equal(true);
    });
  }

  for (const name of names) {
    it(`${name} is as good on 500 of its test images as its card says, give or take their number`, async () => {
      const card = readCard(name);
      const data = await loadDataset(card.data);
      const { accuracy } = await evaluate(loadStudent(name), take(data.test, 500), data);
      const [low, high] = wilson(card.accuracy, 500, 3.29); // 99.9 %, since there are many nets
      expect(accuracy).to.be.within(low, high);
    });

    it(`${name} says on its card what it was made of and by`, () => {
      const card = readCard(name);
      const { recipe, teacher } = pairNamed(name);
      expect(card.recipe).to.deep.equal(JSON.parse(JSON.stringify(recipe)));
      expect([card.teacher, card.block, card.seed]).to.deep.equal([teacher, recipe.block, recipe.seed]);
      const options = Object.entries(card.architecture.options).map(([key, value]) => `${key}=${value}`);
      const composed = compose([card.architecture.name, ...options]);
      const made = card.block ? cheapen(composed, card.block) : composed;
      expect(made.nodes).to.deep.equal(loadStudent(name).graph.nodes);
      expect(card.interval95.map((x) => x.toFixed(6))).to.deep.equal(
        interval95(card.accuracy, card.n).map((x) => x.toFixed(6)),
      );
      if (teacher === undefined) return;
      if (!recipe.ensemble) expect(card.teacherAccuracy).to.equal(readCard(teacher).accuracy);
      const runs = card.bySeed ?? [];
      expect(runs.find((run) => run.seed === card.seed)?.withTeacher).to.equal(card.accuracy);
      for (const key of ['withTeacher', 'withoutTeacher'] as const)
        expect(card[key]).to.be.closeTo(runs.reduce((sum, run) => sum + run[key], 0) / runs.length, 1e-6);
    });
  }

  it('stands in docs/students.md as its card says', () => {
    expect(readFileSync('docs/students.md', 'utf8')).to.equal(pageText()); // else run npm run docs -- students
  });

  it('that does not exist is refused, with the nearest name', () => {
    expect(messageOf(() => loadStudent('mnist/wrn-16-2'), UsageError)).to.match(
      /^no student "mnist\/wrn-16-2", and no folder of that name with graph\.json\. Did you mean "mnist\/wrn-16-1"\?/,
    );
    expect(messageOf(() => readCard('mnist/none'))).to.match(
      /mnist\/none\/card\.json: cannot be read \(ENOENT\)$/,
    );
  });
});

describe('a folder with a card', () => {
  const folder = scratch();
  const file = (name: string): string => join(folder('net'), name);
  before(() => {
    cpSync(join(zooFolder('students'), 'mnist/wrn-16-1'), folder('net'), { recursive: true });
  });
  const load = (): string => messageOf(() => loadStudent(folder('net')));

  it('is held to its sha256, unless told otherwise or by no card', () => {
    expect(loadStudent(folder('net')).graph.name).to.be.a('string');
    const graphJson = readFileSync(file('graph.json'), 'utf8');
    const weights = readFileSync(file('weights.safetensors'));
    const flipped = Uint8Array.from(weights);
    flipped[weights.length - 1] = (flipped[weights.length - 1] ?? 0) ^ 1;
    writeFileSync(file('weights.safetensors'), flipped);
    expect(load()).to.match(
      /weights\.safetensors: sha256 is \w{64}, but its card has \w{64}; download or import it again, or remove sha256 from its card\.json to skip this check$/,
    );
    expect(loadStudent(folder('net'), { verify: false }).weights.size).to.be.above(10);
    writeFileSync(file('weights.safetensors'), weights);
    writeFileSync(file('graph.json'), `${graphJson} `);
    expect(load()).to.match(/graph\.json: sha256 is /);
    for (const card of ['{}', '{"sha256":{}}', '{"from":"x","data":"mnist"}']) {
      writeFileSync(file('card.json'), card);
      expect(loadStudent(folder('net')).weights.size).to.be.above(10);
    }
    writeFileSync(file('card.json'), '{"sha256":7}');
    expect(load()).to.match(/card\.json: sha256: Invalid input: expected object, received number$/);
    writeFileSync(file('card.json'), '{"sha');
    expect(load()).to.match(/card\.json: not JSON \(/);
  });
});
