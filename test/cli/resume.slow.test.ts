/** @file A run that was killed in its middle, started again, ends like one that was not. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { moonlet, scratch } from '../support/cli.ts';

const words = (out: string): readonly string[] => [
  ...['fit', 'mobilenet-v2', 'width=0.05', 'size=28', 'channels=1', 'classes=10'],
  ...['--steps', '24', '--batch', '8', '--seed', '3', '--checkpoint-every', '4', '--json', '--out', out],
];
interface Result {
  readonly finalLoss: number;
  readonly accuracy: number;
}

describe('a killed run', () => {
  const at = scratch();
  let resumed: Result;

  // the one that is killed is a process; what goes on from it need be none
  it('leaves a checkpoint and no net', async () => {
    const broken = at('broken');
    const checkpoint = join(broken, 'checkpoints', 'last.safetensors');
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...words(broken)], {
      stdio: 'ignore',
    });
    while (!existsSync(checkpoint) && child.exitCode === null)
      await new Promise((done) => setTimeout(done, 5));
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(existsSync(checkpoint)).to.equal(true);
    expect(existsSync(join(broken, 'graph.json')), 'killed before its end').to.equal(false);
  });

  it('resumes where it was', async () => {
    const { stdout, stderr } = await moonlet(...words(at('broken')));
    resumed = JSON.parse(stdout) as Result;
    expect(stderr).to.match(/resuming after step (4|8|12|16|20)\n/);
  });

  it('ends with exactly the loss and the weights of an unbroken run (law 7)', async () => {
    const unbroken = JSON.parse((await moonlet(...words(at('whole')))).stdout) as Result;
    expect(resumed.finalLoss).to.equal(unbroken.finalLoss);
    expect(resumed.accuracy).to.equal(unbroken.accuracy);
    const weights = ['broken', 'whole'].map((name) => readFileSync(join(at(name), 'weights.safetensors')));
    expect(weights[0]?.equals(weights[1] as Buffer)).to.equal(true);
  });
});
