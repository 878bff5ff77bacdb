/**
 * @file A PostgreSQL server of one's own on loopback, for tests: Debian's package, installed where it is missing, in a temporary
 * folder, with a password.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Postgres {
  readonly url: string;
  readonly password: string;
  /** Stops it at once, as a crash does, or in order; then starts it again. */
  restart(how: 'immediate' | 'fast'): void;
  end(): void;
}

const root = '/usr/lib/postgresql';

/** The folder of initdb and pg_ctl; as root, Debian's package is installed where there is none. */
function binaries(say: (text: string) => void): string {
  const found = (): string | undefined =>
    (existsSync(root) ? readdirSync(root) : [])
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(root, version, 'bin'))
      .find((folder) => existsSync(join(folder, 'initdb')));
  const there = found();
  if (there) return there;
  if (process.getuid?.() !== 0)
    throw new Error('PostgreSQL is missing, and only root can install it: apt-get install postgresql');
  say('installing postgresql');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const words of [
    ['apt-get', 'update'],
    ['apt-get', 'install', '-y', '--no-install-recommends', 'postgresql'],
  ])
    spawnSync(words[0] ?? '', words.slice(1), { stdio: ['ignore', 2, 2], env });
  const installed = found();
  if (!installed) throw new Error('apt-get could not install postgresql; its reason is above');
  return installed;
}

/** Runs a program of PostgreSQL, which refuses to run as root. @throws Error with what it said. */
function run(program: string, words: readonly string[]): void {
  const [file = '', ...args] =
    process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--', program, ...words] : [program, ...words];
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8', cwd: '/' });
  if (status !== 0) throw new Error(`${program}: ${error?.message ?? `${stdout}${stderr}`}`);
}

const freePort = (): Promise<number> =>
  new Promise((done, failed) => {
    const server = createServer().on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });

/** Starts a server with one user and one database. */
export async function startPostgres(say: (text: string) => void): Promise<Postgres> {
  const bin = binaries(say);
  const folder = mkdtempSync(join(tmpdir(), 'moonlet-postgres-'));
  const port = await freePort();
  const password = `secret-${Math.random().toString(36).slice(2)}`;
  const data = join(folder, 'data');
  writeFileSync(join(folder, 'password'), `${password}\n`);
  for (const path of [folder, join(folder, 'password')]) chmodSync(path, 0o777);
  run(join(bin, 'initdb'), [
    '-D',
    data,
    '-U',
    'moonlet',
    '-A',
    'scram-sha-256',
    '--pwfile',
    join(folder, 'password'),
  ]);
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${folder}`;
  const control = (...words: string[]): void =>
    run(join(bin, 'pg_ctl'), ['-D', data, '-w', '-t', '60', '-l', join(folder, 'log'), ...words]);
  control('-o', options, 'start');
  return {
    url: `postgres://moonlet:${password}@127.0.0.1:${port}/postgres`,
    password,
    restart: (how) => {
      control('-m', how, 'stop');
      control('-o', options, 'start');
    },
    end: () => {
      control('-m', 'immediate', 'stop');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
