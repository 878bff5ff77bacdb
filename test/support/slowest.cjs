/**
 * @file mocha's reporter of dots that names the ten slowest tests at the end of a run, so that one that grows is seen long
 * before a slow machine ends it by its limit. CommonJS, since mocha requires reporters.
 */
const { relative } = require('node:path');
const Mocha = require('mocha');

const shown = 10;
const { EVENT_TEST_END, EVENT_RUN_END } = Mocha.Runner.constants;

class Slowest extends Mocha.reporters.Dot {
  constructor(runner, options) {
    super(runner, options);
    /** The slowest so far, the slowest first. */
    let slowest = [];
    runner.on(EVENT_TEST_END, (test) => {
      if (test.duration === undefined) return; // it was not run
      const place = `${relative(process.cwd(), test.file ?? '')}: ${test.fullTitle()}`;
      slowest = [...slowest, { ms: test.duration, place }].sort((a, b) => b.ms - a.ms).slice(0, shown);
    });
    // behind the counts and the failures, which the listener of dots writes
    runner.once(EVENT_RUN_END, () => {
      if (slowest.length < shown) return; // of a few tests no list is needed
      const lines = slowest.map(({ ms, place }) => `  ${(ms / 1000).toFixed(1).padStart(6)} s  ${place}`);
      process.stdout.write(`  the ${shown} slowest:\n${lines.join('\n')}\n\n`);
    });
  }
}

module.exports = Slowest;
