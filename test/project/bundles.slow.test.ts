/** @file What browsers get: each entry is bundled for them without an alias, and what people load first stays small. */
import { relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { bundle, sources } from '../../scripts/lib/browser-bundle.ts';

/**
 * A program as a bundler that splits it delivers it: bytes, after minification and gzip, of what it loads at once and of the runtime
 * (without its .wasm), and the packages of all parts, those for other engines too.
 */
async function bundled(
  code: string,
): Promise<{ readonly bytes: number; readonly packages: readonly string[] }> {
  const { outputFiles, metafile } = await bundle({
    stdin: { contents: code, resolveDir: process.cwd(), loader: 'ts' },
  });
  const { outputs } = metafile;
  const loaded = new Set<string>();
  const load = (name: string): void => {
    if (loaded.has(name)) return;
    loaded.add(name);
    for (const { path, kind } of outputs[name]?.imports ?? [])
      if (kind === 'import-statement' || packagesIn(outputs[path]).includes('onnxruntime-web')) load(path);
  };
  load(Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === '<stdin>')?.[0] ?? '');
  const files = outputFiles.filter(({ path }) => loaded.has(relative(process.cwd(), path)));
  return {
    bytes: files.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0),
    packages: Object.values(outputs).flatMap(packagesIn),
  };
}

const packagesIn = (output: { readonly inputs: object } | undefined): readonly string[] =>
  Object.keys(output?.inputs ?? {}).flatMap(
    (path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [],
  );

const whole = (entry: string): string => `import * as all from '${entry}'; globalThis.all = all;`;

describe('bundles for browsers', () => {
  for (const [entry, source] of sources)
    if (source !== undefined)
      it(`${entry} needs no alias, and nothing of Node`, async () => {
        const { bytes, packages } = await bundled(whole(entry));
        expect(bytes).to.be.greaterThan(1000);
        expect(packages.filter((name) => name === 'onnxruntime-node' || name === 'sharp')).to.deep.equal([]);
      }).timeout(60_000);

  it('moonlet/hub is said to be none', async () => {
    const message = await bundled(whole('moonlet/hub')).then(
      () => '',
      (e: Error) => e.message,
    );
    expect(message).to.include('moonlet/hub is not for browsers');
  });

  const programs: readonly (readonly [what: string, kilobytes: number, code: string])[] = [
    [
      'composing and counting',
      11,
      `import { blocks, cost, graph, input } from 'moonlet';
       const net = graph('tiny', input(32, 32, 3).pipe('stem', blocks.convNormAct(16, { kernel: 3 })).globalPool().dense(10));
       globalThis.result = cost(net);`,
    ],
    [
      'one architecture',
      12,
      `import { cost } from 'moonlet';
       import { mobilenetV2 } from 'moonlet/architectures';
       globalThis.result = cost(mobilenetV2({ width: 0.35 }));`,
    ],
    [
      'everything to train and distill',
      300,
      `import { init } from 'moonlet';
       import { wrn } from 'moonlet/architectures';
       import { dataset } from 'moonlet/data';
       import { evaluate, fit, losses } from 'moonlet/learn';
       import { fetchNet } from 'moonlet/zoo';
       globalThis.all = { init, wrn, dataset, evaluate, fit, losses, fetchNet };`,
    ],
  ];
  for (const [what, kilobytes, code] of programs)
    it(`${what} takes at most ${kilobytes} kB`, async () => {
      const { bytes } = await bundled(code);
      expect(bytes).to.be.lessThan(kilobytes * 1000);
    }).timeout(60_000);
});
