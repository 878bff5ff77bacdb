/** @file What is said where tfjs-node is missing or broken, whether or not it is here: Node is told so by hooks. */
import { spawnSync } from 'node:child_process';
import { expect } from 'chai';

/** What loading the engine says when the package's import throws this. */
function saidWhen(error: string): string {
  const hooks = `export async function resolve(name, context, next) {
    if (name === '@tensorflow/tfjs-node') throw ${error};
    return next(name, context);
  }`;
  const dataUrl = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
  const registering = `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(hooks))});`;
  const program = `
    const { useBackend } = await import('./src/engine/index.ts');
    await useBackend('tfjs-node').catch((e) => console.log(e.name + ': ' + e.message));`;
  const args = ['--import', 'tsx', '--import', dataUrl(registering), '--input-type=module', '-e', program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return stdout.trim() || stderr;
}

describe('loading tfjs-node', () => {
  it('says how to install it where it is missing', () => {
    const missing = `Object.assign(new Error("Cannot find package '@tensorflow/tfjs-node' imported from here"), { code: 'ERR_MODULE_NOT_FOUND' })`;
    expect(saidWhen(missing)).to.equal(
      'MoonletError: the engine tfjs-node is not installed; install it by: npm install @tensorflow/tfjs-node@4.22.0 (in a checkout: npm run native)',
    );
  }).timeout(60_000);

  it('says what is wrong where it is broken', () => {
    expect(saidWhen("new Error('libtensorflow.so.2: cannot open')")).to.equal(
      'MoonletError: the engine tfjs-node does not load: libtensorflow.so.2: cannot open; reinstall it (in a checkout: npm run native)',
    );
  }).timeout(60_000);
});

describe('npm run native', () => {
  it('refuses an option that it does not know', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/native.mjs', '--fast'], {
      encoding: 'utf8',
    });
    expect(status).to.equal(1);
    expect(stderr).to.equal('native: no option --fast; known: --build, --again\n');
  });
});
