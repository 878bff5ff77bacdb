#!/usr/bin/env bash
# @huggingface/hub 2.17.5 (npm): downloadFileToCacheDir of a branch puts a file into the snapshot of the commit that last changed the
# file, not of the commit that the branch is at, and writes no ref. Two files of one branch then lie in two snapshots, which Python's
# huggingface_hub (try_to_load_from_cache, local_files_only) does not find by the branch. snapshotDownload is not concerned.
# Seen: config.json, last changed by commit a..., and model.safetensors, by b..., at main: two snapshots of one file each, no refs.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >npm.log
npm install --silent --no-audit --no-fund @huggingface/hub@2.17.5
cat >run.mjs <<'JS'
import { existsSync, readdirSync } from 'node:fs';
import { downloadFileToCacheDir } from '@huggingface/hub';

console.debug = () => {};
const files = {
  'config.json': { oid: '1'.repeat(40), last: 'a'.repeat(40) },
  'model.safetensors': { oid: '2'.repeat(40), last: 'b'.repeat(40) },
};
const head = 'c'.repeat(40); // what main is at
/** A hub with one repository of two small files. */
async function hub(url, { method, body } = {}) {
  if (method === 'POST' && new URL(url).pathname === '/api/models/o/n/paths-info/main') {
    const [path] = JSON.parse(body).paths;
    const { oid, last } = files[path];
    return Response.json([{ path, type: 'file', oid, size: 2, lastCommit: { id: last, title: '', date: '2026-01-01' } }]);
  }
  const headers = { etag: `"${files[new URL(url).pathname.split('/').at(-1)].oid}"`, 'x-repo-commit': head };
  return new Response('{}', { status: 200, headers: { ...headers, 'content-length': '2', 'content-range': 'bytes 0-1/2' } });
}
for (const path of Object.keys(files))
  await downloadFileToCacheDir({ repo: 'o/n', path, revision: 'main', cacheDir: 'cache', hubUrl: 'https://hub.test', fetch: hub });
const root = 'cache/models--o--n';
const snapshots = readdirSync(`${root}/snapshots`).sort().map((id) => `${id[0]}...: ${readdirSync(`${root}/snapshots/${id}`)}`);
console.log([...snapshots, existsSync(`${root}/refs`) ? 'refs' : 'no refs'].join('; '));
JS
got=$(node run.mjs)
echo "$got"
[ "$got" = 'a...: config.json; b...: model.safetensors; no refs' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
