/**
 * @file A server of one's own that speaks S3's protocol, for tests: moto (Apache-2.0, kept up since 2013), installed from PyPI into
 * out/moto where it is missing, behind a proxy that notes what is asked.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const version = '5.2.5';

export interface S3Server {
  /** For the environment of a process: the address, and keys. */
  readonly env: Readonly<Record<string, string>>;
  /** Method, path and status of each request, in order. */
  readonly asked: readonly string[];
  end(): void;
}

/** The program; installed where it is missing. @throws Error that says what is missing. */
function program(say: (text: string) => void): string {
  const folder = resolve('out/moto');
  const found = join(folder, 'bin', 'moto_server');
  if (existsSync(found)) return found;
  const python = process.env['MOONLET_PYTHON'] ?? 'python3';
  say(`installing moto ${version}`);
  for (const [file, ...words] of [
    [python, '-m', 'venv', folder],
    [join(folder, 'bin', 'pip'), 'install', '-q', `moto[server]==${version}`],
  ] as const)
    if (spawnSync(file, words, { stdio: ['ignore', 2, 2] }).status !== 0)
      throw new Error(
        `moto cannot be installed; it needs Python 3 with venv and pip (MOONLET_PYTHON names one): pip install 'moto[server]==${version}'`,
      );
  return found;
}

const portOf = (server: Server): number => {
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
};
const listening = (server: Server): Promise<number> =>
  new Promise((done, failed) => {
    server.on('error', failed).listen(0, '127.0.0.1', () => done(portOf(server)));
  });

/** Passes a request on, and notes it. */
const passing =
  (port: number, asked: string[]) =>
  (from: IncomingMessage, to: Parameters<Parameters<typeof createServer>[1] & object>[1]): void => {
    const { method, url: path, headers } = from;
    const next = request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      asked.push(`${method} ${path} ${answer.statusCode}`);
      to.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(to);
    });
    next.on('error', () => to.destroy());
    from.pipe(next);
  };

/** Starts a server with one bucket, `sweeps`. */
export async function startS3(say: (text: string) => void): Promise<S3Server> {
  const file = program(say);
  const free = createServer();
  const port = await listening(free);
  await new Promise((done) => free.close(done));
  const child = spawn(file, ['-H', '127.0.0.1', '-p', `${port}`], { stdio: 'ignore' });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  for (let i = 0; ; i++) {
    const answer = await fetch(`http://127.0.0.1:${port}/sweeps`, { method: 'PUT' }).catch(() => undefined);
    if (answer?.ok) break;
    if (child.exitCode !== null || i > 600) throw new Error('moto_server does not answer');
    await sleep(200);
  }
  const asked: string[] = [];
  const proxy = createServer(passing(port, asked));
  const front = await listening(proxy);
  return {
    env: {
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_ENDPOINT_URL: `http://127.0.0.1:${front}`,
    },
    asked,
    end: () => {
      proxy.close();
      kill();
    },
  };
}
