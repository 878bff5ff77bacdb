/** @file Every `@example` of a docstring runs, and its `console.log` lines print what they say behind `//`. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { expect } from 'chai';
import { docExamplesOf, plain } from '../support/examples.ts';
import { toSources } from '../support/to-sources.ts';

const files = ['src', 'zoo'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`),
);

describe('the examples of docstrings', () => {
  let folder = '';
  before(() => {
    mkdirSync('out', { recursive: true });
    folder = mkdtempSync('out/examples-');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const file of files) {
    for (const { line, of, code, said } of docExamplesOf(readFileSync(file, 'utf8'))) {
      it(`${of} (${file}:${line})`, async () => {
        const path = resolve(folder, `${file.replace(/\W+/g, '-')}-${line}.ts`);
        writeFileSync(path, `${toSources(code)}\nexport {};\n`);
        const printed: string[] = [];
        const { log } = globalThis.console;
        globalThis.console.log = (...words: unknown[]) => void printed.push(format(...words));
        try {
          await import(pathToFileURL(path).href);
        } finally {
          globalThis.console.log = log;
        }
        expect(said, 'says what it prints').to.have.length.above(0);
        expect(printed.map(plain)).to.deep.equal(said.map(plain));
      });
    }
  }

  it('are found in comments, with what they say', () => {
    const [found] = docExamplesOf(
      '/**\n * Adds.\n *\n * @example\n * import { a } from "b";\n * console.log(a(1)); // 2\n * @throws Error\n */\nexport function a(x: number): number {}\n',
    );
    expect(found).to.deep.equal({
      ...{ line: 5, of: 'function a', said: ['2'] },
      code: 'import { a } from "b";\nconsole.log(a(1)); // 2',
    });
  });
});
