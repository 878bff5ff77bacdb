/** @file `moonlet complete`: scripts for shells, and what they ask for. */
import { expect } from 'chai';
import { expectRefusal, moonlet } from '../support/cli.ts';

/** What a shell is offered for the last of these words. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const printed: string[] = [];
  const { log } = console;
  console.log = (text: string) => void printed.push(text);
  try {
    const { stdout } = await moonlet('complete', '--', ...words);
    printed.push(...stdout.split('\n'));
  } finally {
    console.log = log;
  }
  return printed.flatMap((line) => line.split('\t')[0] ?? []);
}

describe('moonlet complete', () => {
  it('offers commands, architectures, students, recipes and values of options', async () => {
    expect(await offered('co')).to.include.members(['cost', 'compress']);
    expect(await offered('cost', 'mobilenet-v')).to.include.members(['mobilenet-v1', 'mobilenet-v2']);
    expect(await offered('eval', 'mnist/')).to.include('mnist/wrn-16-1');
    expect(await offered('distill', 'hi')).to.include('hints');
    expect(await offered('eval', 'mnist/wrn-16-1', '--engine', '')).to.include.members([
      'onnxruntime',
      'wasm',
    ]);
    expect(await offered('cost', 'wrn', '--as', 'fv'))
      .to.include('fvcore')
      .and.not.include('wrn');
    expect(await offered('import', 'x.pth', '--as', 'wr')).to.include('wrn');
    expect(await offered('grow', '--wi')).to.include('--widen');
  });

  it('refuses an unknown shell', () =>
    expectRefusal(['complete', 'tcsh'], 2, /^moonlet: .*'tcsh'.*zsh, bash, fish, powershell/));
});
