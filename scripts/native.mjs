/**
 * @file `npm run native`: tfjs-node 4.22.0 for this checkout, without a word in package.json or its lock. Plain
 * JavaScript with no dependencies.
 *
 * tfjs-node downloads libtensorflow when it is installed, which many machines refuse. Where that fails, it is built
 * against the libtensorflow inside a `tensorflow-cpu` wheel from pip. All of it lives in .cache/native, which survives
 * `npm ci`; node_modules holds a link to it, which does not: run this again, and it links again.
 *
 * Options: --build builds without trying the download; --again starts from nothing.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const version = '4.22.0';
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const home = join(root, '.cache', 'native');
const modules = join(home, 'node_modules');
const tfjsNode = join(modules, '@tensorflow', 'tfjs-node');
const link = join(root, 'node_modules', '@tensorflow', 'tfjs-node');
const record = join(home, 'how.txt');
const flags = new Set(process.argv.slice(2));

/** Only the libraries and the headers: the rest of the wheel is Python's. */
const unpackProgram = `
import os, sys, zipfile
wheel, deps = sys.argv[1:]
with zipfile.ZipFile(wheel) as z:
    for entry in z.infolist():
        parts = entry.filename.split('/')
        if entry.is_dir() or parts[0] != 'tensorflow': continue
        if parts[1] == 'include': to = os.path.join(deps, *parts[1:])
        elif len(parts) == 2 and parts[1] in ('libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'): to = os.path.join(deps, 'lib', parts[1])
        else: continue
        os.makedirs(os.path.dirname(to), exist_ok=True)
        with z.open(entry) as source, open(to, 'wb') as target:
            while block := source.read(1 << 24): target.write(block)
`;

const say = (text) => process.stderr.write(`native: ${text}\n`);
const fail = (text) => {
  say(text);
  process.exit(1);
};

const unknown = [...flags].find((flag) => !['--build', '--again'].includes(flag));
if (unknown) fail(`no option ${unknown}; known: --build, --again`);
if (!existsSync(join(root, 'node_modules', '@tensorflow', 'tfjs-core')))
  fail('node_modules is not there yet; run npm ci first');
if (existsSync(link) && !lstatSync(link).isSymbolicLink()) {
  const tried = load();
  if (tried.ok) done(`tfjs-node is installed in node_modules by itself and loads (TensorFlow ${tried.text})`);
  fail(
    `node_modules/@tensorflow/tfjs-node was installed by itself and does not load (${tried.text}); remove it first`,
  );
}
if (flags.has('--again') || flags.has('--build')) rmSync(home, { recursive: true, force: true });

if (existsSync(record)) {
  makeLink();
  const tried = load();
  if (tried.ok) done(`tfjs-node ${version} is ready: ${readFileSync(record, 'utf8')}`);
  say(`what is in .cache/native does not load (${tried.text}); starting anew`);
}
rmSync(home, { recursive: true, force: true });
mkdirSync(home, { recursive: true });
fetchPackage();
const failures = [];
const ways = flags.has('--build') ? [buildOnWheel] : [download, buildOnWheel];
for (const way of ways) {
  const { how, problem } = way();
  if (how) {
    makeLink();
    const tried = load();
    if (tried.ok) {
      const text = `${how}, TensorFlow ${tried.text}`;
      writeFileSync(record, text);
      done(
        `tfjs-node ${version} is ready: ${text}. Try: npm run -s moonlet -- eval mnist/wrn-16-1 --engine tfjs-node`,
      );
    }
    failures.push(`${how}, but it does not load: ${tried.text}`);
  } else failures.push(problem);
  say(failures.at(-1));
}
rmSync(link, { force: true });
fail(`no way led to tfjs-node here:\n  ${failures.join('\n  ')}`);

/** Done: nothing failed. */
function done(text) {
  say(text);
  process.exit(0);
}

/** A child's end; its output goes to a log in the folder, since compilers talk much. */
function run(command, args, { cwd = home, env = {}, minutes = 15 } = {}) {
  const child = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env, PATH: `${join(modules, '.bin')}${delimiter}${process.env.PATH}` },
    timeout: minutes * 60_000,
    maxBuffer: 2 ** 28,
    shell: process.platform === 'win32',
  });
  const output = `${child.stdout ?? ''}${child.stderr ?? ''}`;
  writeFileSync(join(home, `${basename(command)}.log`), output);
  const late = child.error?.code === 'ETIMEDOUT';
  return {
    ok: child.status === 0,
    late,
    reason: late ? `took over ${minutes} minutes` : reasonIn(output, child),
  };
}

/** The line of an output that says what went wrong. */
function reasonIn(output, child) {
  const lines = output.split('\n').map((line) => line.trim());
  const telling = lines.filter((line) => /\berror\b|not found|no such/i.test(line));
  return (
    telling.find((line) => /^(error|fatal|npm error)/i.test(line)) ??
    telling[0] ??
    child.error?.message ??
    lines.filter(Boolean).at(-1) ??
    'it said nothing'
  ).slice(0, 200);
}

/** The package and what it needs, without its install script, on the checkout's own copy of tfjs-core. */
function fetchPackage() {
  say(`fetching @tensorflow/tfjs-node@${version}`);
  writeFileSync(join(home, 'package.json'), '{ "private": true }\n');
  const wanted = `@tensorflow/tfjs-node@${version}`;
  const cli = process.env.npm_execpath;
  const [command, first] = cli && basename(cli) === 'npm-cli.js' ? [process.execPath, [cli]] : ['npm', []];
  const args = [
    'install',
    '--ignore-scripts',
    '--no-package-lock',
    '--no-audit',
    '--no-fund',
    '--prefix',
    home,
  ];
  const { ok, reason } = run(command, [...first, ...args, wanted]);
  if (!ok) fail(`npm could not fetch it: ${reason}`);
  // two copies of these would be two libraries: what lies in node_modules further up is found instead
  for (const name of ['tfjs-core', 'tfjs-layers', 'tfjs-backend-cpu']) {
    const ours = JSON.parse(
      readFileSync(join(root, 'node_modules', '@tensorflow', name, 'package.json'), 'utf8'),
    );
    if (ours.version !== version)
      fail(`the checkout has ${name} ${ours.version}, and tfjs-node ${version} needs ${version}; run npm ci`);
    rmSync(join(modules, '@tensorflow', name), { recursive: true, force: true });
  }
}

/** tfjs-node's own way: libtensorflow and the binding from its makers' server. */
function download() {
  say('downloading its libtensorflow');
  const { ok, reason } = run(process.execPath, ['scripts/install.js'], { cwd: tfjsNode });
  return ok ? { how: 'by its own download' } : { problem: `its own download failed (${reason})` };
}

/** The other way: a compiler here, and the library out of a wheel. */
function buildOnWheel() {
  if (process.platform !== 'linux')
    return { problem: `building it against a wheel is for Linux only, and this is ${process.platform}` };
  const deps = join(tfjsNode, 'deps');
  rmSync(deps, { recursive: true, force: true });
  mkdirSync(join(deps, 'lib'), { recursive: true });
  const python = process.env.MOONLET_PYTHON ?? 'python3';
  const wheels = join(home, 'wheels');
  say('downloading the wheel tensorflow-cpu by pip (about 300 MB)');
  const args = [
    '-m',
    'pip',
    'download',
    '--no-deps',
    '--only-binary',
    ':all:',
    '-d',
    wheels,
    'tensorflow-cpu',
  ];
  let got = run(python, args, { minutes: 10 });
  if (got.late) got = run(python, args, { minutes: 10, env: { PIP_RETRIES: '0' } });
  const wheel = existsSync(wheels) && readdirSync(wheels).find((name) => name.endsWith('.whl'));
  if (!got.ok || !wheel)
    return { problem: `${python} -m pip download tensorflow-cpu failed (${got.reason})` };
  say(`unpacking ${wheel}`);
  const unpacked = run(python, ['-c', unpackProgram, join(wheels, wheel), deps]);
  if (!unpacked.ok) return { problem: `${wheel} could not be unpacked (${unpacked.reason})` };
  rmSync(wheels, { recursive: true });
  const lib = join(deps, 'lib');
  for (const [name, target] of [
    ['libtensorflow.so', 'libtensorflow_cc.so.2'],
    ['libtensorflow_framework.so', 'libtensorflow_framework.so.2'],
  ]) {
    if (!existsSync(join(lib, target))) return { problem: `${wheel} holds no ${target}` };
    symlinkSync(target, join(lib, name));
  }
  say('compiling its binding');
  const prefix = dirname(dirname(process.execPath));
  const beside = existsSync(join(prefix, 'include', 'node', 'node_api.h'));
  const built = run(join(modules, '.bin', 'node-pre-gyp'), ['install', '--build-from-source'], {
    cwd: tfjsNode,
    env: beside ? { npm_config_nodedir: prefix } : {},
  });
  if (!built.ok) {
    const headers = beside ? '' : '; no headers stand beside this Node, and their download may be what fails';
    return {
      problem: `compiling its binding failed (${built.reason})${headers}; it needs make, a C++ compiler and Python`,
    };
  }
  rmSync(join(deps, 'include'), { recursive: true });
  return { how: `built here against the libtensorflow of ${wheel}` };
}

function makeLink() {
  rmSync(link, { force: true });
  const kind = process.platform === 'win32' ? 'junction' : 'dir';
  symlinkSync(kind === 'junction' ? tfjsNode : relative(dirname(link), tfjsNode), link, kind);
}

/** Whether it loads and computes, in a process of its own; the text is TensorFlow's version, or the reason. */
function load() {
  const program = `
    const util = require('node:util');
    util.isNullOrUndefined ??= (x) => x === null || x === undefined;
    util.isArray ??= Array.isArray;
    const tf = require('@tensorflow/tfjs-node');
    const same = tf.matMul([[2]], [[3]]).dataSync()[0] === 6 && tf.getBackend() === 'tensorflow';
    if (!same) throw new Error('2 times 3 was not 6');
    console.log('version ' + tf.backend().binding.TF_Version);
  `;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', program], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
  });
  const found = /^version (.+)$/m.exec(stdout ?? '');
  const reason = /^(?:\w*Error: )(.+)$/m.exec(stderr ?? '')?.[1] ?? 'it crashed';
  return { ok: status === 0 && found !== null, text: found?.[1] ?? reason };
}
