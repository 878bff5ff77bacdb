/**
 * @file Shares the hub's cache with Python in both directions, against a hub of our own: npm run references -- hub-cache.
 * timm makes the repositories; Python's huggingface_hub and timm must find in the cache what we pulled, we what they pulled,
 * and both may pull at once. MOONLET_PYTHON names an interpreter that has timm; where there is none, that is said.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defined } from '../../src/access.ts';
import { compile } from '../../src/engine/index.ts';
import { inputShape, onlyOutput } from '../../src/graph/index.ts';
import {
  type HubPulled,
  hubSettings,
  openSnapshot,
  parseRepository,
  pullFromHub,
} from '../../src/hub/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { type HubServer, hubServer, push, sha256Of } from '../../test/support/hub-server.ts';
import { largestDifference, sizeOf } from '../../test/support/nets.ts';
import { referenceImages } from '../../test/support/reference-fill.ts';

interface Found {
  readonly files: Readonly<Record<string, { readonly path: string; readonly sha256: string }>>;
  readonly logits?: readonly number[];
}
const python = process.env['MOONLET_PYTHON'] ?? 'python3';
const names = ['config.json', 'model.safetensors'];
if (spawnSync(python, ['-c', 'import timm, huggingface_hub']).status !== 0) {
  console.log(`hub-cache: not checked, since ${python} has no timm; set MOONLET_PYTHON to one that has it`);
  process.exit(0);
}

/** Answers of hub_cache.py, with these variables. */
async function ask(
  env: Readonly<Record<string, string>>,
  ...words: readonly string[]
): Promise<Record<string, Found>> {
  const child = spawn(python, ['scripts/reference/hub_cache.py', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, HF_HUB_DISABLE_TELEMETRY: '1', HF_HUB_DISABLE_PROGRESS_BARS: '1', ...env },
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`hub_cache.py ${words.join(' ')} failed (${code})`);
  return JSON.parse(said);
}

/** Puts the repositories of a folder onto the hub. */
function serve(hub: HubServer, folder: string): readonly string[] {
  return readdirSync(folder).flatMap((owner) =>
    readdirSync(join(folder, owner)).map((name) => {
      const files = readdirSync(join(folder, owner, name)).map((file) => {
        const bytes = readFileSync(join(folder, owner, name, file));
        return [file, { bytes, lfs: file.endsWith('.safetensors') }] as const;
      });
      push(hub, `${owner}/${name}`, Object.fromEntries(files));
      return `${owner}/${name}`;
    }),
  );
}

async function logitsOf(net: Net): Promise<Float32Array> {
  const compiled = await compile(net);
  const out = await compiled.run(referenceImages(sizeOf(inputShape(net.graph))));
  await compiled.release();
  return Float32Array.from(defined(out.get(onlyOutput(net.graph)), 'output'));
}

const [root, hub] = [mkdtempSync(join(tmpdir(), 'moonlet-hub-')), await hubServer()];
let failures = 0;
const say = (what: string, ok: boolean): void => {
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${what}`);
  if (!ok) failures++;
};
const place = (home: string, offline: boolean) => ({
  HF_ENDPOINT: hub.url,
  HF_HOME: join(root, home),
  HF_HUB_OFFLINE: offline ? '1' : '0',
});
const ours = (repo: string, home: string, offline: boolean): Promise<HubPulled> =>
  pullFromHub(`hf:${repo}`, {
    settings: hubSettings(place(home, offline)),
    to: join(root, 'nets', home, repo),
    force: true,
  });
try {
  await ask({}, 'make', join(root, 'made'));
  const repos = serve(hub, join(root, 'made'));
  const right = (repo: string, { files }: Found): boolean =>
    names.every((name) => files[name]?.sha256 === sha256Of(readFileSync(join(root, 'made', repo, name))));

  const pulled = new Map<string, HubPulled>();
  for (const repo of repos) pulled.set(repo, await ours(repo, 'ours', false));
  const found = await ask(place('ours', true), 'find', ...repos);
  for (const [repo, net] of pulled) {
    const theirs = defined(found[repo], repo);
    say(`Python finds ${repo}, which we pulled`, right(repo, theirs));
    const difference = largestDifference(await logitsOf(net.net), Float32Array.from(theirs.logits ?? []));
    say(`${repo}: logits within ${difference.toExponential(1)} of timm's from our cache`, difference < 1e-4);
  }

  await ask(place('theirs', false), 'pull', ...repos);
  for (const repo of repos) {
    const { card } = await ours(repo, 'theirs', true);
    say(
      `we find ${repo}, which Python pulled`,
      card.sha256['weights.safetensors'] === pulled.get(repo)?.card.sha256['weights.safetensors'],
    );
  }

  const both = Promise.all(repos.map((repo) => ours(repo, 'both', false)));
  const [at] = await Promise.all([ask(place('both', false), 'pull', ...repos), both]);
  for (const repo of repos) {
    const snapshot = await openSnapshot(parseRepository(`hf:${repo}`), names, {
      settings: hubSettings(place('both', true)),
    });
    const paths = await Promise.all(names.map(async (name) => (await snapshot.file(name)).path));
    const same = paths.every((path, i) => path === at[repo]?.files[names[i] ?? '']?.path);
    say(`both pulled ${repo} at once, into one cache`, same && right(repo, defined(at[repo], repo)));
  }
} finally {
  await hub.close();
  rmSync(root, { recursive: true, force: true });
}
process.exitCode = failures ? 1 : 0;
