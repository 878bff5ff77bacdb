/** @file Every `npm run NAME`, and every program NAME of `npm run GROUP -- NAME`, that the project tells anybody to run is there. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { expect } from 'chai';

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

/** Files that people and machines read, without the changelog, whose names may be old. */
const files = [
  'README.md',
  'CONTRIBUTING.md',
  '.ci/run',
  'docs',
  'src',
  'scripts',
  'zoo/recipes',
  'test',
].flatMap((path) =>
  statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(md|ts|mjs|json|py)$/.test(name))
        .map((name) => `${path}/${name}`)
    : [path],
);

const run = (...args: string[]) =>
  spawnSync(process.execPath, ['scripts/setup.mjs', '--', ...args], { encoding: 'utf8' });

describe('npm scripts', () => {
  it('that are named anywhere exist', () => {
    const missing = files.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/npm run (?:-s |--silent )?([a-z][a-z:]*)/g)]
        .map(([, name = '']) => name)
        .filter((name) => !Object.hasOwn(scripts, name))
        .map((name) => `${file}: npm run ${name}`),
    );
    expect(files.length).to.be.greaterThan(500);
    expect(missing).to.deep.equal([]);
  });

  for (const group of ['docs', 'experiment', 'references', 'zoo'])
    it(`of the group ${group} run each program that is named anywhere`, () => {
      const listed = [...run('scripts/choose.ts', group).stdout.matchAll(/^  ([a-z][a-z-]*) /gm)].map(
        ([, name]) => name,
      );
      const command = new RegExp(`npm run (?:-s )?${group} -- ([a-z][a-z-]*)`, 'g');
      const named = files.flatMap((file) =>
        [...readFileSync(file, 'utf8').matchAll(command)].map(([, name = '']) => ({ file, name })),
      );
      expect(named).to.not.be.empty;
      expect(named.filter(({ name }) => !listed.includes(name))).to.deep.equal([]);
    });

  it('say what they take, and name an option that is not known', () => {
    const help = run('scripts/choose.ts', 'experiment', 'sweep-search', '--help');
    expect(help.stdout).to.match(/^The real searches .*`--quick` tries/s);
    expect(help.status).to.equal(0);
    const wrong = run('scripts/test-memory.ts', '--wriet');
    expect(wrong.stderr).to.include("Unknown option '--wriet'; --help says what there is");
    expect(wrong.status).to.equal(2);
    const unknown = run('scripts/choose.ts', 'experiment', 'progressive', '--seeds', '0');
    expect(unknown.stderr).to.equal('--seeds must be a whole number from 1 to 10, got 0\n');
    expect(unknown.status).to.equal(2);
  });
});
