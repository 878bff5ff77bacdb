/**
 * @file `npm run web`: builds the page into dist/web and serves it. `-- --build` only builds; `-- --dev` serves the sources and shows
 * changes at once; `-- --port N` chooses the port.
 */
import { parseArgs } from 'node:util';
import { moonlet } from '../src/cli/program.ts';
import { print } from '../src/cli/say.ts';
import { buildPage, config, folder } from './page/build.ts';
import { sizes } from './page/sizes.ts';

const { values } = parseArgs({
  options: {
    build: { type: 'boolean', default: false },
    dev: { type: 'boolean', default: false },
    port: { type: 'string', default: '8420' },
  },
});
if (values.dev) {
  const { developed } = await import('./page/develop.ts');
  await developed(config, Number(values.port));
} else {
  await buildPage();
  for (const line of sizes()) print(line);
  print(`built ${folder}; any static server can serve it`);
  if (!values.build) process.exitCode = await moonlet(['web', '--port', values.port]);
}
