/** @file `npm run test:processors`: what counts as right, what is told when it is not, and workers that end in their middle. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { battery, widened } from '../../scripts/processors/battery.ts';
import { chosen, type Processor, processors } from '../../scripts/processors/emulators.ts';
import { agreement } from '../../scripts/processors/integers.ts';
import { below } from '../../scripts/processors/laws.ts';
import { machineOf, machineText } from '../../scripts/processors/machine.ts';
import {
  type Column,
  failures,
  isAllRight,
  type Outcome,
  pageText,
  type Seen,
  unseen,
} from '../../scripts/processors/page.ts';
import { runTasks } from '../../scripts/processors/run.ts';
import { UsageError } from '../../src/errors.ts';
import { shapes } from '../../src/graph/index.ts';

const native: Processor = {
  name: 'native',
  what: 'this machine as it is',
  how: 'no emulation',
  command: [process.execPath],
  isRequired: true,
  runtime: 'onnxruntime-node',
};
const arm: Processor = {
  ...native,
  name: 'arm64',
  command: undefined,
  isRequired: false,
  missing: 'no qemu-aarch64 is installed: apt-get install qemu-user',
};
const machine = machineOf(
  'Architecture:        x86_64\nModel name:          A  processor\nFlags:               fpu sse4_2 avx2 fma\n',
);
const seenWith = (outcome: Outcome | undefined, ...more: readonly Column[]): Seen => ({
  machine,
  date: '2026-01-02',
  versions: 'Node 20',
  cases: [{ name: 'T1, batch 12', kind: 'step' }],
  columns: [
    { processor: native, block: 8, outcomes: new Map(outcome ? [['T1, batch 12', outcome]] : []) },
    ...more,
  ],
});

describe('the battery for processors', () => {
  it('has what it promises: 12 steps at batches that fill no block, 12 nets, 6 integer nets', () => {
    const of = (kind: string): number => battery.filter((c) => c.kind === kind).length;
    expect([of('step'), of('infer'), of('integers')]).to.deep.equal([12, 12, 6]);
    expect(new Set(battery.map((c) => c.name)).size).to.equal(battery.length);
    const channels = new Set([...shapes(widened().student.graph).values()].map((shape) => shape.at(-1)));
    expect([...channels]).to.include.members([12, 20, 24]);
  });

  it('is right below the bound, and never where there is no number', () => {
    expect(below(9e-6, 1e-5)).to.deep.equal({ isRight: true, difference: '9.0e-6', bound: '< 1.0e-5' });
    expect(below(1e-5, 1e-5).isRight).to.equal(false);
    expect(below(Number.NaN, 1e-5).isRight).to.equal(false);
  });

  it('holds integer nets to 99 % within a step, compiled and as a file', () => {
    const right = new Float32Array(100);
    const two = right.map((_, i) => (i < 2 ? 2 : 1));
    const one = right.map((_, i) => (i < 1 ? 7 : 0));
    expect(agreement([right], [one])).to.deep.equal({
      isRight: true,
      difference: '100.0 % compiled, 99.0 % file; at most 7.0 steps',
      bound: '>= 99 % within a step',
    });
    expect(agreement([right], [two]).isRight).to.equal(false);
    expect(agreement([two], [right]).isRight).to.equal(false);
    expect(agreement([two, right], [right, right]).isRight, 'of several nets the mean').to.equal(true);
  });

  it('tells what the machine is, and claims no flag that it has not seen', () => {
    const text = machineText(machine);
    expect(text).to.match(/^A processor, \d+ cores, x86_64: /);
    if (process.arch === 'x64') expect(text).to.match(/: SSE4\.2, AVX2; no AVX-512, VNNI, AMX$/);
    expect(machineText(machineOf(''))).to.match(/: flags unknown/);
  });

  it('passes only when all that had to run was right', () => {
    const ok: Outcome = below(1e-6, 1e-5);
    const absent: Column = { processor: arm, block: undefined, outcomes: new Map() };
    expect(isAllRight(seenWith(ok, absent))).to.equal(true);
    expect(isAllRight(seenWith(below(1, 1e-5)))).to.equal(false);
    expect(isAllRight(seenWith({ isRight: false, error: 'refused' }))).to.equal(false);
    expect(isAllRight(seenWith(undefined))).to.equal(false);
    const needed: Column = { ...absent, processor: { ...arm, isRequired: true } };
    expect(isAllRight(seenWith(ok, needed))).to.equal(false);
  });

  it('writes what failed and what was not seen', () => {
    const seen = seenWith(
      { isRight: false, error: 'NchwcConv was refused' },
      { processor: arm, block: undefined, outcomes: new Map() },
    );
    expect(failures(seen)).to.deep.equal(['T1, batch 12 on native: NchwcConv was refused']);
    expect(unseen(seen).at(-1)).to.equal(`arm64 (${arm.what}): ${arm.missing}`);
    const page = pageText(seen);
    for (const part of [
      '**This machine: A processor',
      '| native | this machine as it is | no emulation | blocks of 8 |',
      '| arm64 | this machine as it is | no emulation | not run |',
      '| T1, batch 12 |  | **FAILED** (error) |',
      '- T1, batch 12 on native: NchwcConv was refused',
      'no qemu-aarch64 is installed: apt-get install qemu-user',
    ])
      expect(page).to.include(part);
    expect(pageText(seenWith(below(1e-6, 1e-5)))).to.include('| T1, batch 12 | < 1.0e-5 | ok 1.0e-6 |');
  });

  it('knows its processors by name, and says what installs a missing emulator', () => {
    const all = processors('no-such-folder');
    expect(chosen(all, ['wasm', 'native']).map((p) => p.name)).to.deep.equal(['native', 'wasm']);
    expect(() => chosen(all, ['avx3'])).to.throw(
      UsageError,
      'no processor "avx3"; known: native, avx2, sse4.2, arm64, arm64-max, wasm',
    );
    const path = process.env['PATH'];
    process.env['PATH'] = '';
    try {
      const [, avx2] = processors();
      if (process.platform === 'linux' && process.arch === 'x64')
        expect(avx2?.missing).to.equal('no qemu-x86_64 is installed: apt-get install qemu-user');
      expect(avx2?.command).to.equal(undefined);
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('goes on behind a task that ends its worker, and says how it ended', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'moonlet-worker-'));
    const worker = join(folder, 'worker.mjs');
    writeFileSync(
      worker,
      `const [, , , ...tasks] = process.argv.slice(1);
      const say = (message) => process.stdout.write('@' + JSON.stringify(message) + '\\n');
      say({ processor: 'x64', block: 8 });
      tasks.forEach((name, task) => {
        if (name === 'crashes') { console.error('it is broken'); process.exit(7); }
        say({ task, error: name });
      });`,
    );
    try {
      const { block, results } = await runTasks(native, worker, ['a', 'crashes', 'b'], folder);
      expect(block).to.equal(8);
      expect(results).to.deep.equal([
        { error: 'a' },
        { error: 'the process ended by exit 7 (it is broken)' },
        { error: 'b' },
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
