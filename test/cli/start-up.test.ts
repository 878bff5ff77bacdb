/** @file What commands load before they have work to do: the imports of every source file, followed. */
import { readFileSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { expect } from 'chai';

const statement = /(?:^|[;\n])\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^'\n]+)'/g;

/** The packages that a file imports, however far one follows its static imports, each with the way there. */
function packagesOf(file: string): ReadonlyMap<string, string> {
  const packages = new Map<string, string>();
  const seen = new Map([[file, file]]);
  for (const [path, way] of seen) {
    const code = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
    for (const [, type, what = ''] of code.matchAll(statement)) {
      if (type !== undefined) continue;
      const target = what.startsWith('.') ? posix.join(dirname(path), what) : what;
      const into = what.startsWith('.') ? seen : packages;
      if (!into.has(target)) into.set(target, `${way} -> ${target}`);
    }
  }
  return packages;
}

/** Those of the packages that begin with one of these names. */
const found = (file: string, names: readonly string[]): readonly string[] =>
  [...packagesOf(file)].flatMap(([what, way]) => (names.some((name) => what.startsWith(name)) ? [way] : []));

const heavy = ['@tensorflow/', 'onnxruntime', 'protobufjs', '@dagrejs/', 'ml-matrix', 'cli-progress'];
const schemas = ['zod', 'jsonc-parser'];

describe('the command line loads what a command needs', () => {
  it('nothing but Node for --version', () => {
    for (const file of ['src/cli/main.ts', 'src/cli/program.ts'])
      expect([...packagesOf(file).keys()].filter((what) => !what.startsWith('node:'))).to.deep.equal([]);
  });

  const light = [
    'list',
    'cost',
    'show',
    'cheapen',
    'net-words',
    'option-hint',
    'fit',
    'classify',
    'eval',
    'bench',
    'pull',
  ];
  for (const name of light)
    it(`neither tensors nor schemas for ${name}`, () => {
      expect(found(`src/cli/${name}.ts`, [...heavy, ...schemas])).to.deep.equal([]);
    });

  const refusing = [
    ...['cli/compress', 'cli/export', 'cli/fit-recipe', 'cli/grow', 'cli/grow-steps', 'cli/import'],
    ...['cli/import-run', 'compress/parse-steps', 'run/recipe', 'run/scene-recipe', 'run/pairs'],
  ];
  for (const name of refusing)
    it(`no tensors to refuse what ${name} reads`, () => {
      expect(found(`src/${name}.ts`, heavy)).to.deep.equal([]);
    });

  it('no schema for composing and counting', () => {
    for (const file of ['zoo/architectures/index.ts', 'src/read/index.ts', 'src/compose/index.ts'])
      expect(found(file, [...heavy, ...schemas]), file).to.deep.equal([]);
  });
});
