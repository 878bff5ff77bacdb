/** @file Packages of pip and npm, fetched once into a cache in the system's temporary folder. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oneLine } from '../../../src/errors.ts';

/** A Python with timm, torchvision, keras and scikit-image. */
export const python = process.env['MOONLET_PYTHON'] ?? 'python3';
const cache = join(tmpdir(), 'moonlet-cache', 'pretrained');

/** What a command prints. @throws Error with what it said on stderr when it fails. */
export function run(
  command: string,
  args: readonly string[],
  o: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    ...{ encoding: 'utf8', maxBuffer: 2 ** 28, env: { ...process.env, ...o.env } },
    ...(o.cwd === undefined ? {} : { cwd: o.cwd }),
  });
  if (status === 0) return stdout;
  throw new Error(
    `${command} ${args.slice(0, 3).join(' ')}: ${oneLine(error?.message ?? stderr.slice(-2000))}`,
  );
}

/** The folder with the content of a package. A fetch that did not end is begun again. */
export function fetched({ pip, npm }: { readonly pip?: string; readonly npm?: string }): string {
  const name = pip ?? npm ?? '';
  const folder = join(cache, name.replace(/[^\w.]+/g, '-'));
  const done = join(folder, '.fetched');
  if (existsSync(done)) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (pip !== undefined)
    run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', folder, pip]);
  else {
    run('npm', ['pack', '--silent', name], { cwd: folder });
    const [archive = ''] = readdirSync(folder).filter((file) => file.endsWith('.tgz'));
    run('tar', ['-xzf', archive], { cwd: folder });
    if (npm?.startsWith('nsfwjs@')) unwrapNsfwjs(join(folder, 'package'));
  }
  writeFileSync(done, '');
  return folder;
}

/** nsfwjs has its models as scripts: the JSON as an object, the shard as base64. */
function unwrapNsfwjs(folder: string): void {
  const require = createRequire(join(folder, 'dist', 'index.cjs'));
  const model: {
    readonly weightsManifest: readonly { readonly paths: readonly string[] }[];
  } = require('./models/mobilenet_v2/model.min.js');
  writeFileSync(join(folder, 'model.json'), JSON.stringify({ format: 'layers-model', ...model }));
  for (const shard of model.weightsManifest.flatMap(({ paths }) => paths)) {
    const text: string = require(`./models/mobilenet_v2/${shard}.min.js`);
    writeFileSync(join(folder, shard), Buffer.from(text, 'base64'));
  }
}
