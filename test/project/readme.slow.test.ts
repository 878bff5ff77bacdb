/** @file The code of the README and of the guides runs and prints what it says. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { agrees, examplesOf, pages } from '../support/examples.ts';
import { toSources } from '../support/to-sources.ts';

function run(code: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  mkdirSync('out', { recursive: true });
  const folder = mkdtempSync('out/readme-');
  writeFileSync(join(folder, 'example.ts'), toSources(code));
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'example.ts'], { cwd: folder });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', fail);
    child.on('close', (code) => {
      rmSync(folder, { recursive: true, force: true });
      done({ code, stdout, stderr });
    });
  });
}

for (const page of pages) {
  describe(page, () => {
    const examples = examplesOf(readFileSync(page, 'utf8'));
    it('has code that runs', () => expect(examples).not.to.deep.equal([]));

    for (const { line, code, output } of examples) {
      it(`runs the example at line ${line}${output ? ' and prints what it says' : ''}`, async function () {
        this.timeout(180_000);
        const result = await run(code);
        expect(result.code, result.stderr).to.equal(0);
        if (output === undefined) return;
        if (!agrees(result.stdout, output)) expect(result.stdout).to.equal(output);
      });
    }
  });
}

describe('the output of an example', () => {
  it('is compared line by line, and "..." stands for any lines', () => {
    expect(agrees('a\nb\nc', 'a\n...\nc')).to.equal(true);
    expect(agrees('a\nc', 'a\n...\nc')).to.equal(true);
    expect(agrees('a\nb', 'a\n...')).to.equal(true);
    expect(agrees('a\nb\nd', 'a\n...\nc')).to.equal(false);
    expect(agrees('a.b', 'axb')).to.equal(false);
  });
});
