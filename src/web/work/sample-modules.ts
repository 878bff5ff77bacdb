/** @file What samples import, loaded when one does: the library's entries, and the page's forms of functions that read files in Node. */

import { type Card, fetchNet } from '../../../zoo/web.ts';
import { MoonletError } from '../../index.ts';
import type { Net } from '../../weights/index.ts';
import { wholeDataset } from './data.ts';
import { nets } from './places.ts';

type Module = Readonly<Record<string, unknown>>;

const ids = async (): Promise<readonly string[]> => {
  const response = await fetch(`${nets}/index.json`);
  if (!response.ok) throw new MoonletError('the nets are not on this server; npm run web has them');
  const { nets: list }: { readonly nets: readonly { readonly id: string }[] } = await response.json();
  return list.map(({ id }) => id);
};

/** The zoo in a browser, with those nets at hand that the code names. */
async function zoo(code: string): Promise<Module> {
  const names = await ids();
  const held = new Map<string, { readonly net: Net; readonly card: Card }>();
  const wanted = names.filter((id) => code.includes(`'${id}'`) || code.includes(`"${id}"`));
  await Promise.all(wanted.map(async (id) => held.set(id, await fetchNet(id, { from: nets }))));
  const named = (id: string): { readonly net: Net; readonly card: Card } => {
    const found = held.get(id);
    if (found) return found;
    throw new MoonletError(
      names.includes(id)
        ? `the page fetches nets before a sample runs; write the name as a text: '${id}'`
        : `no net "${id}"; known: ${names.join(', ')}`,
    );
  };
  return {
    ...(await import('../../../zoo/web.ts')),
    loadStudent: (id: string) => named(id).net,
    loadNet: (id: string) => named(id).net,
    readCard: (id: string) => named(id).card,
    studentNames: () => names,
  };
}

const loaders: Readonly<Record<string, (code: string) => Promise<Module>>> = {
  moonlet: () => import('../../index.ts'),
  'moonlet/architectures': () => import('../../../zoo/architectures/index.ts'),
  'moonlet/zoo': zoo,
  'moonlet/learn': () => import('../../learn/index.ts'),
  'moonlet/run': () => import('../../run/web.ts'),
  'moonlet/compress': () => import('../../compress/index.ts'),
  'moonlet/data': async () => ({ ...(await import('../../data/in-memory.ts')), loadDataset: wholeDataset }),
  'moonlet/pictures': () => import('../../data/images/index.ts'),
  'moonlet/export': () => import('../../export/index.ts'),
  'moonlet/import': () => import('../../import/index.ts'),
  'moonlet/engine': () => import('../../engine/index.ts'),
  'moonlet/tfjs': () => import('../../read/tfjs/index.ts'),
  'moonlet/svg': () => import('../../read/svg.ts'),
  'moonlet/jit': () => import('../../jit/index.ts'),
  '@tensorflow/tfjs-backend-cpu': () => import('@tensorflow/tfjs-backend-cpu'),
  '@tensorflow/tfjs-core': () => import('@tensorflow/tfjs-core'),
  '@tensorflow/tfjs-layers': () => import('@tensorflow/tfjs-layers'),
};

/** Entries of which some functions run nets. */
export const running: readonly string[] = ['learn', 'run', 'compress', 'engine', 'jit', 'tfjs', 'export'].map(
  (name) => `moonlet/${name}`,
);

/** @throws MoonletError for a package that the page does not have. */
export function loaded(name: string, code: string): Promise<Module> {
  const load = Object.hasOwn(loaders, name) ? loaders[name] : undefined;
  if (!load)
    throw new MoonletError(`"${name}" cannot be imported here; there are ${Object.keys(loaders).join(', ')}`);
  return load(code);
}
