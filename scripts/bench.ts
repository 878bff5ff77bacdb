/** @file `npm run bench`: the benchmark of `moonlet bench`; with `--browser` training steps in headless Chromium instead. */
if (process.argv.includes('--browser')) await import('./bench/browser/index.ts');
else {
  process.argv.splice(2, 0, 'bench');
  await import('../src/cli/main.ts');
}
