/** @file `moonlet web`: serves the page, in which people look at nets, draw for them, train and grow them. */
import type { AddressInfo } from 'node:net';
import type { Command } from 'commander';

import { wholeFlag } from './numbers.ts';
import { note, print } from './say.ts';

export const webCommand = (command: Command): void => {
  command
    .option('--port <n>', 'the port; 0 takes any free one', '8420')
    .option('--host <address>', 'the address to listen on; 0.0.0.0 also serves other machines', '127.0.0.1')
    .option('--check', 'say what is missing for training and drawing, and end')
    .action(run);
};

interface Flags {
  readonly port: string;
  readonly host: string;
  readonly check?: boolean;
}

async function run({ port, host, check }: Flags): Promise<void> {
  const number = wholeFlag('port', port, { max: 65_535 });

  const { pageFolder, servePage } = await import('./web-server.ts');
  const folder = pageFolder();
  const missing = (await import('./web-missing.ts')).missingIn(folder);
  for (const line of missing) note(line);
  if (check) {
    if (!missing.length) print('nothing is missing');
    return;
  }
  const server = await servePage(folder, host, number);
  const { port: taken } = server.address() as AddressInfo;
  print(`http://${host === '127.0.0.1' || host === '0.0.0.0' ? 'localhost' : host}:${taken}/`);
  note('Ctrl-C ends the server');
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
  });
  server.closeAllConnections();
  server.close();
}
