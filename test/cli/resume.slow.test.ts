/** @file A run that was killed in its middle, started again, ends like one that was not. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';

const folder = mkdtempSync(join(tmpdir(), 'moonlet-resume-'));
const start = (out: string): ChildProcess =>
  spawn(
    process.execPath,
    [
      ...[
        '--import',
        'tsx',
        'src/cli/main.ts',
        'fit',
        'mobilenet-v2',
        'width=0.05',
        'size=28',
        'channels=1',
        'classes=10',
      ],
      ...['--steps', '24', '--batch', '8', '--seed', '3', '--checkpoint-every', '4', '--json', '--out', out],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
const text = async (stream: NodeJS.ReadableStream | null): Promise<string> => {
  let all = '';
  for await (const part of stream ?? []) all += String(part);
  return all;
};
const run = async (
  out: string,
): Promise<{ readonly json: { finalLoss: number; accuracy: number }; readonly said: string }> => {
  const child = start(out);
  const [printed, said] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { json: JSON.parse(printed) as { finalLoss: number; accuracy: number }, said };
};

describe('a killed run', () => {
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('resumes, and ends with exactly the loss and the weights of an unbroken run (law 7)', async () => {
    const [broken, whole] = ['broken', 'whole'].map((name) => join(folder, name)) as [string, string];
    const checkpoint = join(broken, 'checkpoints', 'last.safetensors');
    const child = start(broken);
    while (!existsSync(checkpoint) && child.exitCode === null)
      await new Promise((done) => setTimeout(done, 5));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(join(broken, 'graph.json')), 'killed before its end').to.equal(false);

    const resumed = await run(broken);
    expect(resumed.said).to.match(/resuming after step (4|8|12|16|20)\n/);
    const unbroken = await run(whole);
    expect(resumed.json.finalLoss).to.equal(unbroken.json.finalLoss);
    expect(resumed.json.accuracy).to.equal(unbroken.json.accuracy);
    const weights = [broken, whole].map((out) => readFileSync(join(out, 'weights.safetensors')));
    expect(weights[0]?.equals(weights[1] as Buffer)).to.equal(true);
  }).timeout(120_000);
});
