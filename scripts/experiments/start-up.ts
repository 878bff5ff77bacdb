/**
 * @file How long the built command line takes to start: CPU time (user and system) of whole processes against that of
 * `node -e 0`, interleaved, medians. `npm run experiment -- start-up`; `--rounds 21` by default, `--json` prints the numbers.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { median } from '../../src/bench/numbers.ts';
import { wholeFlag } from '../../src/cli/numbers.ts';
import { print, printJson } from '../../src/cli/say.ts';
import { tableOf } from '../../src/cli/tables.ts';

interface Start {
  readonly words: readonly string[];
  readonly exit: number;
  /** The most times Node's own start that it may take. */
  readonly limit: number;
}
const student = 'mnist/wrn-16-1';

function starts(folder: string): readonly Start[] {
  const recipe = join(folder, 'recipe.json');
  writeFileSync(recipe, '{\n  "data": "mnist",\n  "student": "wrn",\n  "stpes": 10\n}\n');
  const out = join(folder, 'out');
  const refused = (exit: number, ...words: readonly string[]): Start => ({ words, exit, limit: 5 });
  return [
    { words: ['--version'], exit: 0, limit: 2.5 },
    refused(0, '--help'),
    refused(0, 'list'),
    refused(0, 'list', 'wrn'),
    refused(0, 'cost', 'mobilenet-v2'),
    refused(2, 'csot', 'wrn'),
    refused(2, 'cost', 'wrm'),
    refused(2, 'cost', 'wrn', 'dept=16'),
    refused(2, 'cost', 'wrn', '--jsno'),
    refused(2, 'cost', 'mobilenet-v2', '--width', '0.35'),
    refused(2, 'show', 'nowhere/at-all'),
    refused(2, 'cheapen', 'wrn', '--block', 'G[4]'),
    refused(2, 'eval', 'nobody'),
    refused(2, 'eval', student, '--engine', 'gpu'),
    refused(2, 'eval', student, '--data', 'cifar'),
    refused(2, 'grow', student, '--widen', 'stage1', '--out', out),
    refused(2, 'compress', student, '--steps', 'prnue=0.5', '--out', out),
    refused(2, 'export', student, '--format', 'onx', '--out', out),
    refused(1, 'import', join(folder, 'missing.pth'), '--as', 'wrn', '--out', out),
    refused(2, 'pull', 'mnist/nobody'),
    refused(2, 'bench', '--only', 'T9'),
    refused(2, 'fit', 'wrm', '--out', out),
    refused(2, 'distill', 'wrn', '--out', out),
    refused(2, 'distill', 'hintz'),
    refused(1, 'distill', join(folder, 'missing.json')),
    refused(2, 'distill', recipe),
  ];
}

/** Runs in every child: its own CPU time, in microseconds, to file descriptor 3 when it ends. */
const meter = `process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  require('node:fs').writeSync(3, String(user + system));
});
`;

/** CPU milliseconds of one process. @throws Error when it ends otherwise than it should. */
function measured(meterFile: string, args: readonly string[], exit: number): number {
  const { status, output, stderr } = spawnSync(process.execPath, ['--require', meterFile, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (status !== exit) throw new Error(`${args.join(' ')}: exit ${status}, not ${exit}\n${stderr}`);
  return Number(output[3]) / 1000;
}

const [, value = '21'] = process.argv.slice(process.argv.indexOf('--rounds'));
const rounds = process.argv.includes('--rounds') ? wholeFlag('rounds', value, { min: 1, max: 1000 }) : 21;
mkdirSync('out', { recursive: true });
const folder = mkdtempSync(join('out', 'start-up-'));
try {
  const { status, stdout } = spawnSync(
    process.execPath,
    ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', join(folder, 'dist')],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stdout);
  const meterFile = join(process.cwd(), folder, 'meter.cjs');
  writeFileSync(meterFile, meter);
  const bin = join(folder, 'dist', 'src', 'cli', 'main.js');
  const all = starts(folder).map((start) => ({ ...start, ms: [] as number[] }));
  const empty: number[] = [];
  for (let round = -1; round < rounds; round++) {
    for (const { words, exit, ms } of all) {
      const bare = measured(meterFile, ['-e', '0'], 0);
      const own = measured(meterFile, [bin, ...words], exit);
      if (round < 0) continue; // files are in memory from here on
      empty.push(bare);
      ms.push(own);
    }
  }
  const base = median(empty);
  const rows = all.map(({ words, exit, limit, ms }) => ({
    command: words.map((word) => word.replace(`${folder}/`, '')).join(' '),
    exit,
    ms: median(ms),
    ratio: median(ms) / base,
    limit,
  }));
  if (process.argv.includes('--json')) printJson({ node: process.version, rounds, nodeMs: base, rows });
  else {
    print(`node ${process.version} -e 0: ${base.toFixed(1)} ms of CPU, median of ${empty.length}\n`);
    const head = ['moonlet', 'exit', 'ms', 'times node', 'at most', ''];
    const lines = rows.map(({ command, exit, ms, ratio, limit }) => [
      command,
      String(exit),
      ms.toFixed(0),
      ratio.toFixed(2),
      String(limit),
      ratio > limit ? 'TOO SLOW' : '',
    ]);
    print(tableOf([head, ...lines], [1, 2, 3, 4]));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
