/**
 * @file Every check in turn, one line each, up to the first that fails: `npm run check`, `npm run
 * check:fast`.
 */
import { spawnSync } from 'node:child_process';

const fast = process.argv.includes('--fast');
const biome = 'node_modules/@biomejs/biome/bin/biome';
const mocha = 'node_modules/mocha/bin/mocha.js';
/** @type {readonly [name: string, args: readonly string[]][]} */
const stages = [
  ['format', [biome, 'format']],
  ['lint', [biome, 'lint', '--error-on-warnings']],
  ['types', ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.']],
  fast
    ? ['unit tests', [mocha, '--ignore', 'test/zoo/**', '--ignore', 'test/**/*.slow.test.ts']]
    : ['tests', [mocha]],
  ...(fast
    ? []
    : [
        ['size', ['--import', 'tsx', 'scripts/size.ts']],
        ['op kinds', ['--import', 'tsx', 'scripts/docs/contributing.ts', '--check']],
      ]),
];

for (const [name, args] of stages) {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if (status !== 0) process.stderr.write(`${stdout}${stderr}`);
  const counts = [...stdout.matchAll(/^ +(\d+ (?:passing|pending|failing))/gm)]
    .map(([, count]) => count)
    .join(', ');
  console.log(
    `${name.padEnd(10)} ${status === 0 ? 'ok    ' : 'FAILED'} ${seconds.padStart(6)} s  ${counts}`.trimEnd(),
  );
  if (status !== 0) process.exit(1);
}
