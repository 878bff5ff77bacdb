/** @file What this machine is: its processor's name, and those of its instructions that onnxruntime chooses by. */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';

export interface Machine {
  readonly model: string;
  readonly cores: number;
  readonly architecture: string;
  /** In onnxruntime's choice: convs in blocks of 16 need AVX-512; exact products of u8 by s8 need VNNI or, on ARM, dot products. */
  readonly has: Readonly<Record<string, boolean>>;
}

/** Name -> the flags of which one is enough, as `lscpu` spells them. */
const wanted: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  x64: {
    'SSE4.2': ['sse4_2'],
    AVX2: ['avx2'],
    'AVX-512': ['avx512f'],
    VNNI: ['avx512_vnni', 'avx_vnni'],
    AMX: ['amx_int8'],
  },
  arm64: { NEON: ['asimd'], 'dot products': ['asimddp'], I8MM: ['i8mm'], SVE: ['sve'] },
};

/** @param lscpu what `lscpu` printed; without it (it is Linux's) the flags are unknown, and none is claimed. */
export function machineOf(lscpu = run('lscpu')): Machine {
  const line = (name: string): string =>
    new RegExp(`^${name}: *(.*)$`, 'm').exec(lscpu)?.[1]?.trim().replace(/\s+/g, ' ') ?? '';
  const flags = new Set(line('Flags').split(' '));
  const has = Object.entries(wanted[process.arch] ?? {}).map(([name, any]): [string, boolean] => [
    name,
    any.some((flag) => flags.has(flag)),
  ]);
  return {
    model: line('Model name') || (cpus()[0]?.model ?? 'unknown'),
    cores: cpus().length,
    architecture: line('Architecture') || process.arch,
    has: Object.fromEntries(has),
  };
}

/** `AMD EPYC, 2 cores, x86_64: SSE4.2, AVX2; no AVX-512, VNNI`. */
export function machineText({ model, cores, architecture, has }: Machine): string {
  const named = (is: boolean): string =>
    Object.keys(has)
      .filter((name) => has[name] === is)
      .join(', ');
  const lacks = named(false);
  return `${model}, ${cores} cores, ${architecture}: ${named(true) || 'flags unknown'}${lacks ? `; no ${lacks}` : ''}`;
}

function run(command: string): string {
  const { stdout, status } = spawnSync(command, [], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  return status === 0 ? stdout : '';
}
