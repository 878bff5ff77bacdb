#!/usr/bin/env bash
# Node 22.20.0 (npm package node) on Linux: process.resourceUsage().maxRSS of a program that was just started is not its own peak, but at
# least what the process that started it had in memory. The kernel keeps the number over exec; VmHWM of /proc/self/status begins anew.
# So a limit on a child's memory that holds when it is started by hand fails when a large test runner starts it.
# Seen: a child that needs about 40 MiB says more than 700 when its parent holds 700 MiB, and its VmHWM stays the same.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund node@22.20.0
cat >child.cjs <<'JS'
const [, peak] = /VmHWM:\s+(\d+)/.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'));
console.log(JSON.stringify([process.resourceUsage().maxRSS / 1024, peak / 1024]));
JS
cat >parent.cjs <<'JS'
const { spawnSync } = require('node:child_process');
const child = () => JSON.parse(spawnSync(process.execPath, ['child.cjs'], { encoding: 'utf8' }).stdout);
const [small, smallPeak] = child();
const held = Buffer.alloc(700 * 2 ** 20, 1);
const [large, largePeak] = child();
const mib = (n) => `${Math.round(n)} MiB`;
console.log(`small parent: maxRSS ${mib(small)}, VmHWM ${mib(smallPeak)}`);
console.log(`parent with ${mib(held.length / 2 ** 20)}: maxRSS ${mib(large)}, VmHWM ${mib(largePeak)}`);
process.exit(small < 200 && large > 700 && largePeak < 200 ? 0 : 1);
JS
./node_modules/.bin/node parent.cjs || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
