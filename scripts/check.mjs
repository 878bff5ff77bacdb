/**
 * @file Every check, one line each, up to the first that fails: `npm run check`, `npm run check:fast`. Style and types run beside
 * the tests, since one of them uses one core and the other leaves some idle.
 */
import { spawn } from 'node:child_process';

const fast = process.argv.includes('--fast');
const biome = 'node_modules/@biomejs/biome/bin/biome';
const mocha = 'node_modules/mocha/bin/mocha.js';
/** What the type checker knows of files that did not change. */
const typesFile = 'node_modules/.cache/types.tsbuildinfo';
/** @typedef {readonly [name: string, args: readonly string[]]} Stage */
/** @type {readonly Stage[]} */
const style = [
  ['format', [biome, 'format']],
  ['lint', [biome, 'lint', '--error-on-warnings']],
  [
    'types',
    [
      'node_modules/typescript/bin/tsc',
      '--noEmit',
      '--incremental',
      '--tsBuildInfoFile',
      typesFile,
      '-p',
      '.',
    ],
  ],
];
/** @type {readonly Stage[]} */
const behaviour = fast
  ? [['unit tests', [mocha, '--ignore', 'test/zoo/**', '--ignore', 'test/**/*.slow.test.ts']]]
  : [
      ['tests', [mocha]],
      ['size', ['--import', 'tsx', 'scripts/size.ts']],
      ['op kinds', ['--import', 'tsx', 'scripts/docs/contributing.ts', '--check']],
      ['api links', ['node_modules/typedoc/bin/typedoc', '--emit', 'none']],
    ];

let failed = false;
// the full tests stand alone, since some of them count on both cores to stay within their limits
if (fast) await Promise.all([run(style), run(behaviour)]);
else for (const stages of [style, behaviour]) await run(stages);
process.exitCode = failed ? 1 : 0;

/** Runs stages in turn until one fails here or elsewhere. */
async function run(stages) {
  for (const [name, args] of stages) {
    if (failed) return;
    const start = performance.now();
    const { status, output } = await finished(args);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    if (status !== 0) process.stderr.write(output);
    const counts = [...output.matchAll(/^ +(\d+ (?:passing|pending|failing))/gm)]
      .map(([, count]) => count)
      .join(', ');
    console.log(
      `${name.padEnd(10)} ${status === 0 ? 'ok    ' : 'FAILED'} ${seconds.padStart(6)} s  ${counts}`.trimEnd(),
    );
    failed ||= status !== 0;
  }
}

/** A program's exit code and all that it says. */
function finished(args) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  return new Promise((done) => child.on('close', (status) => done({ status, output })));
}
