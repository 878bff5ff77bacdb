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

/** The names that a group lists. */
const namesOf = (group: string): string[] =>
  [...run('scripts/choose.ts', group).stdout.matchAll(/^ {2}([a-z][a-z-]*) /gm)].map(([, name = '']) => name);

/** Whether a program has its help from commander, which loads all of it first. */
const usesCommander = (group: string, name: string): boolean => {
  const folder = { experiment: 'experiments', references: 'reference' }[group] ?? group;
  return readFileSync(`scripts/${folder}/${name}.ts`, 'utf8').includes("from 'commander'");
};

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
      const listed = namesOf(group);
      const command = new RegExp(`npm run (?:-s )?${group} -- ([a-z][a-z-]*)`, 'g');
      const named = files.flatMap((file) =>
        [...readFileSync(file, 'utf8').matchAll(command)].map(([, name = '']) => ({ file, name })),
      );
      expect(named).to.not.be.empty;
      expect(named.filter(({ name }) => !listed.includes(name))).to.deep.equal([]);
    });

  for (const group of ['docs', 'experiment', 'references', 'zoo'])
    for (const name of namesOf(group).filter((id) => !usesCommander(group, id)))
      it(`of the group ${group} say what they take, and do nothing else: ${name}`, () => {
        const { stdout, stderr, status } = run('scripts/choose.ts', group, name, '--help');
        expect([status, stderr]).to.deep.equal([0, '']);
        expect(stdout).to.match(/^\w[\s\S]{30,}/);
      });

  it('say what they take by commander', () => {
    const help = run('scripts/choose.ts', 'experiment', 'tried', '--help');
    expect([help.status, help.stderr, help.stdout.slice(0, 6)]).to.deep.equal([0, '', 'Usage:']);
  });

  it('name the variants that there are when none has the word', () => {
    const { stderr, stdout, status } = run('scripts/choose.ts', 'experiment', 'tried', 'fps');
    expect(stderr).to.match(/^no variant "fps"\. .*There are: plain, 800 steps; .+\n$/);
    expect([status, stdout]).to.deep.equal([2, '']);
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
