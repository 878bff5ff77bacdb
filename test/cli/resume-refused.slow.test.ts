/** @file An unfinished run is not resumed by a command with other options; the line says which. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { moonlet, scratch } from '../support/cli.ts';

describe('an unfinished run', () => {
  const at = scratch();
  const words = (...more: readonly string[]): string[] => [
    ...['fit', 'wrn', 'depth=10', 'size=28', 'channels=1', '--steps', '500', '--batch', '4'],
    ...['--checkpoint-every', '2', '--out', at('run'), ...more],
  ];
  const checkpoint = (): string => join(at('run'), 'checkpoints', 'last.safetensors');

  it('is left by a kill', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...words()], {
      stdio: 'ignore',
    });
    while (!existsSync(checkpoint()) && child.exitCode === null)
      await new Promise((done) => setTimeout(done, 5));
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(existsSync(checkpoint())).to.equal(true);
  });

  it('is refused with another rate, and its checkpoint stays', async () => {
    const { code, stderr } = await moonlet(...words('--rate', '0.2'));
    expect(code).to.equal(1);
    expect(stderr.trimEnd().split('\n').at(-1)).to.equal(
      'moonlet: checkpoint: it was made by another recipe (rate.peak was 0.1, is 0.2); choose another folder, or remove it by --force',
    );
    expect(existsSync(checkpoint())).to.equal(true);
  });
});
