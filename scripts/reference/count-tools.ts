/**
 * @file Writes test/read/reference/counts.json: what six tools that count operations say of nets and of single layers
 * (`npm run references -- count-tools [TOOL...]`). Their pinned packages are installed into folders of their own below
 * out/count-tools. MOONLET_PYTHON names an interpreter that has torch, torchvision and timm.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CountReference, CountRow } from '../../test/support/count-tools.ts';
import { checkWords } from '../lib/known.ts';

const python = process.env['MOONLET_PYTHON'] ?? 'python3';
const file = 'test/read/reference/counts.json';

interface Environment {
  readonly tools: readonly string[];
  readonly packages: readonly string[];
  /** Whether pip installs what the packages require. Those of torch would come as other versions than the interpreter's. */
  readonly requirements: boolean;
}
const environments: Readonly<Record<string, Environment>> = {
  torch: {
    tools: ['torch', 'fvcore', 'thop', 'ptflops', 'ptflops-aten'],
    packages: [
      'fvcore==0.1.5.post20221221',
      'thop==0.1.1.post2209072238',
      'ptflops==0.7.5',
      ...['iopath==0.1.10', 'yacs==0.1.8', 'termcolor==3.3.0', 'tabulate==0.10.0', 'portalocker==4.4.2'],
    ],
    requirements: false,
  },
  ultralytics: {
    tools: ['ultralytics-thop'],
    packages: ['ultralytics-thop==2.2.3'],
    requirements: false,
  },
  keras: {
    tools: ['keras'],
    packages: ['tensorflow-cpu==2.21.0', 'keras==3.15.1'],
    requirements: true,
  },
};

/** The folder of an environment's packages, installed when it is not there. */
function installed(name: string, { packages, requirements }: Environment): string {
  const folder = resolve('out/count-tools', name);
  const done = join(folder, 'installed.txt');
  if (existsSync(done) && readFileSync(done, 'utf8') === packages.join('\n')) return folder;
  mkdirSync(folder, { recursive: true });
  console.error(`count-tools: installing ${packages.join(', ')}`);
  const words = ['-m', 'pip', 'install', '--quiet', '--upgrade', '--target', folder];
  run([...words, ...(requirements ? [] : ['--no-deps']), ...packages]);
  writeFileSync(done, packages.join('\n'));
  return folder;
}

function run(words: readonly string[], path?: string): string {
  const env = path === undefined ? process.env : { ...process.env, PYTHONPATH: path };
  const { status, stdout, error } = spawnSync(python, words, {
    ...{ env, encoding: 'utf8', maxBuffer: 2 ** 28 },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (error || status !== 0) {
    console.error(`count-tools: ${python} ${words.join(' ')} failed; MOONLET_PYTHON names the interpreter`);
    process.exit(1);
  }
  return stdout;
}

/** Rows of one net or layer, joined: each environment has counted it with its own tools. */
function joined<Row extends CountRow>(rows: readonly Row[], key: (row: Row) => string): readonly Row[] {
  const byKey = new Map<string, Row>();
  for (const row of rows) {
    const before = byKey.get(key(row));
    const seen = { ...before?.seen, ...row.seen };
    byKey.set(key(row), { ...row, seen, counts: { ...before?.counts, ...row.counts } });
  }
  return [...byKey.values()];
}

const wanted = process.argv.slice(2);
checkWords(
  wanted,
  Object.values(environments).flatMap((e) => e.tools),
  'tool',
);
const parts: CountReference[] =
  wanted.length && existsSync(file) ? [JSON.parse(readFileSync(file, 'utf8'))] : [];
for (const [name, environment] of Object.entries(environments)) {
  if (wanted.length && !environment.tools.some((tool) => wanted.includes(tool))) continue;
  const folder = installed(name, environment);
  parts.push(JSON.parse(run(['scripts/reference/count_tools.py', ...environment.tools], folder)));
}
const versions = Object.assign({}, ...parts.map((part) => part.versions));
const nets = joined(
  parts.flatMap((part) => part.nets),
  ({ net, by }) => `${net}, ${by}`,
);
const layers = joined(
  parts.flatMap((part) => part.layers),
  ({ op, input }) => JSON.stringify([op, input]),
);
const lines = (rows: readonly unknown[]): string => rows.map((row) => JSON.stringify(row)).join(',\n    ');
mkdirSync('test/read/reference', { recursive: true });
writeFileSync(
  file,
  `{\n  "versions": ${JSON.stringify(versions)},\n  "nets": [\n    ${lines(nets)}\n  ],\n  "layers": [\n    ${lines(layers)}\n  ]\n}\n`,
);
console.log(
  `${file}: ${nets.length} nets and ${layers.length} layers, by ${Object.keys(versions).length} tools; npm run fix formats it`,
);
