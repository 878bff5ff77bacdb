/**
 * @file Brings node_modules up to date with package-lock.json, then runs a program of ours in this process:
 * `node scripts/setup.mjs [-- FILE ARGS]`. Plain JavaScript with no dependencies, since it runs before they
 * exist. Silent when nothing is to be done; everything that it says goes to stderr.
 */
import { spawn } from 'node:child_process';
import { existsSync, linkSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { started } from './lib/started.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lockFile = join(root, '.setup.lock');
const oldest = [20, 19];
const say = (text) => writeSync(2, `moonlet: ${text}\n`);
const fail = (text) => {
  say(text);
  process.exit(1);
};

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
  fail(
    `needs Node ${oldest.join('.')} or newer, this is ${process.version}; get one from https://nodejs.org`,
  );
}
if (findStale()) await install();
if (process.argv[2] === '--') await run(process.argv.slice(3));

/**
 * What is wrong with node_modules, or nothing. npm writes its own record last, so that half an install has
 * none.
 */
function findStale() {
  const wanted = readPackages('package-lock.json');
  const found = readPackages(join('node_modules', '.package-lock.json'));
  if (!wanted) return 'package-lock.json is missing or damaged';
  if (!found)
    return existsSync(join(root, 'node_modules')) ? 'an install was not finished' : 'nothing is installed';
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || !fits(entry)) continue;
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const got = found[path];
    if (!got && entry.optional && !isWanted(name, wanted, found)) continue;
    if (!got || !existsSync(join(root, path, 'package.json'))) return `${name} is missing`;
    if (got.version !== entry.version) return `${name} is ${got.version}, not ${entry.version}`;
    if (got.integrity !== entry.integrity)
      return `${name} ${entry.version} is another copy than the locked one`;
  }
  return undefined;
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * Whether the root or an installed package asks for this one. npm locks what packages for other machines need, such as a build in
 * WebAssembly, without saying which machine that is for, and installs none of it.
 */
function isWanted(name, wanted, found) {
  return Object.entries(wanted).some(
    ([path, { dependencies, devDependencies, optionalDependencies }]) =>
      (path === '' || found[path]) &&
      [dependencies, devDependencies, optionalDependencies].some((list) => list && name in list),
  );
}

/** Whether npm would install this package on this machine. */
function fits({ os, cpu, libc }) {
  const listed = (list, value) =>
    !list ||
    (list.some((item) => !item.startsWith('!')) ? list.includes(value) : !list.includes(`!${value}`));
  return listed(os, process.platform) && listed(cpu, process.arch) && (!libc || listed(libc, cLibrary()));
}

function cLibrary() {
  if (process.platform !== 'linux') return 'none';
  return readdirSync('/lib').some((name) => name.startsWith('ld-musl-')) ? 'musl' : 'glibc';
}

/** Runs `npm ci`, one process at a time. */
async function install() {
  await takeLock();
  const reason = findStale(); // another process may have done it while this one waited
  let end = { code: 0, signal: null };
  if (reason) {
    say(`${reason}; running npm ci`);
    const started = Date.now();
    end = await npm([
      'ci',
      '--include=dev',
      '--include=optional',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ]);
    if (end.code === 0) say(`installed in ${Math.round((Date.now() - started) / 1000)} s`);
  }
  rmSync(lockFile, { force: true });
  if (end.signal) process.kill(process.pid, end.signal);
  if (end.code !== 0) fail(`npm ci failed (${end.code}); its reason is above, and the next run tries again`);
  const still = reason && findStale();
  if (still?.startsWith('onnxruntime-node ')) {
    fail(`${still}: npm could not install it here, and training needs it; try npm install onnxruntime-node`);
  }
  if (still) fail(`${still}, even after npm ci; remove node_modules and try again`);
}

/** The lock is a file with the ids of its owner and of its npm. That of dead processes is nobody's. */
async function takeLock() {
  const mine = `${lockFile}.${process.pid}.tmp`;
  writeFileSync(mine, String(process.pid));
  for (let waited = 0; ; waited++) {
    try {
      linkSync(mine, lockFile); // the one call that creates a file with its content, or fails
      await sleep(100); // two that removed the lock of a dead process see here whose it became
      if (readOwners().includes(process.pid)) break;
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`cannot write ${lockFile}: ${error.code}; make the folder writable`);
    }
    const owner = readOwners().find(isAlive);
    if (owner === undefined) rmSync(lockFile, { force: true });
    else if (waited === 0) say(`waiting for the set-up that process ${owner} runs`);
    await sleep(owner === undefined ? 0 : 250);
  }
  rmSync(mine);
}

function readOwners() {
  try {
    return readFileSync(lockFile, 'utf8').split(' ').map(Number);
  } catch {
    return [];
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/**
 * npm with its output on stderr. Signals go on to it; how it was stopped is told, even if it calls that a
 * failure.
 */
function npm(args) {
  const cli = process.env.npm_execpath;
  const [command, first] = cli && basename(cli) === 'npm-cli.js' ? [process.execPath, [cli]] : ['npm', []];
  const child = spawn(command, [...first, ...args], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: command === 'npm' && process.platform === 'win32',
    // no CUDA downloads: the CPU library is in the package
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
  });
  writeFileSync(lockFile, `${process.pid} ${child.pid}`);
  let stopped = null;
  const forward = (signal) => {
    stopped = signal;
    child.kill(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, forward);
  return new Promise((done) => {
    const end = (code, signal) => {
      for (const name of ['SIGINT', 'SIGTERM']) process.off(name, forward);
      done({ code, signal: stopped ?? signal });
    };
    child.on('error', (error) => end(error.code, null));
    child.on('exit', end);
  });
}

/** Imports the program as if it had been started by itself: exit codes and signals are its own. */
async function run([file, ...args]) {
  if (file === undefined) return;
  const path = file === 'mocha' ? join(root, 'node_modules/mocha/bin/mocha.js') : resolve(root, file);
  process.argv = [process.execPath, path, ...args];
  mendSignals();
  if (path.endsWith('.ts')) await import('tsx');
  await started(path, args);
}

/**
 * Each signal once. Ctrl-C comes twice, from the terminal and from npm: two within 100 ms are told as one. A
 * signal to npm alone may not come at all, since npm tells only its shell: when that is gone, this process is
 * told to stop.
 */
function mendSignals() {
  const emit = process.emit;
  const last = { SIGINT: Number.NEGATIVE_INFINITY, SIGTERM: Number.NEGATIVE_INFINITY };
  process.emit = function (event, ...rest) {
    if (event === 'SIGINT' || event === 'SIGTERM') {
      const before = last[event];
      last[event] = performance.now();
      if (last[event] - before < 100) return true;
    }
    return emit.call(this, event, ...rest);
  };
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    if (last.SIGINT < 0 && last.SIGTERM < 0) process.kill(process.pid, 'SIGTERM');
  }, 200);
  watch.unref();
}
