/**
 * @file The code of the README and of the guides runs and prints what it says. Every block marked `ts` is a whole program; a `text`
 * block that comes next is its output, in which a line `...` stands for any lines. Blocks marked otherwise
 * (`ts fragment`) are not run.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';

interface Example {
  readonly line: number;
  readonly code: string;
  readonly output: string | undefined;
}

/** The fenced blocks in order; the language is the whole of the fence's info string. */
function examplesOf(markdown: string): Example[] {
  const fences = [...markdown.matchAll(/^```([^\n]*)\n([\s\S]*?)^```\s*$/gm)].map((found) => ({
    language: found[1]!.trim(),
    body: found[2]!,
    line: markdown.slice(0, found.index).split('\n').length + 1,
  }));
  return fences.flatMap(({ language, body, line }, i) => {
    const next = fences[i + 1];
    return language === 'ts'
      ? [{ line, code: body, output: next?.language === 'text' ? next.body : undefined }]
      : [];
  });
}

/** The package's names lead to the sources instead of to dist/, by the package's own table of exports. */
function toSources(code: string): string {
  const { exports: table } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    exports: Record<string, { default: string } | string>;
  };
  return code.replace(/(from|import\()(\s*)['"]moonlet(\/[^'"]*)?['"]/g, (_, word, space, path = '') => {
    const entry = table[`.${path}`];
    if (!entry || typeof entry === 'string')
      throw new Error(`moonlet${path} is not exported by package.json`);
    const source = resolve(entry.default.replace('./dist/', '').replace(/\.js$/, '.ts'));
    return `${word}${space}'${pathToFileURL(source).href}'`;
  });
}

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

const trimmed = (text: string): string => text.replace(/[ \t]+$/gm, '').trim();

/** Whether the lines are the expected ones, with `...` for any lines. */
function agrees(actual: string, expected: string): boolean {
  const quoted = expected
    .split('\n')
    .map((line) =>
      line.trim() === '...' ? '(?:.*\\n?)*?' : `${line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\n`,
    );
  return new RegExp(`^${quoted.join('')}$`).test(`${actual}\n`);
}

const guides = readdirSync('docs/guides').map((name) => `docs/guides/${name}`);

for (const page of ['README.md', ...guides]) {
  describe(page, () => {
    const examples = examplesOf(readFileSync(page, 'utf8'));
    it('has code that runs', () => expect(examples).not.to.deep.equal([]));

    for (const { line, code, output } of examples) {
      it(`runs the example at line ${line}${output ? ' and prints what it says' : ''}`, async function () {
        this.timeout(180_000);
        const result = await run(code);
        expect(result.code, result.stderr).to.equal(0);
        if (output === undefined) return;
        const [actual, expected] = [trimmed(result.stdout), trimmed(output)];
        if (!agrees(actual, expected)) expect(actual).to.equal(expected);
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
