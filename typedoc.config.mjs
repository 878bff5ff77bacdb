/** @file The API reference: `npm run docs:api` writes out/api and fails at a broken link. */
import { OptionDefaults } from 'typedoc';

const { exports } = (await import('./package.json', { with: { type: 'json' } })).default;
const entries = Object.values(exports).flatMap((entry) => (typeof entry === 'string' ? [] : [entry.default]));

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'Moonlet',
  out: 'out/api',
  entryPoints: entries.map((path) => path.replace('./dist/', '').replace(/\.js$/, '.ts')),
  projectDocuments: ['docs/*.md', 'docs/guides/*.md'],
  blockTags: [...OptionDefaults.blockTags, '@file'],
  highlightLanguages: [...OptionDefaults.highlightLanguages, 'python'],
  excludeTags: [...OptionDefaults.excludeTags, '@file'], // they speak of files, not of the first thing in them
  excludePrivate: true,
  excludeInternal: true,
  disableSources: true,
  skipErrorChecking: true,
  validation: { notExported: false, invalidLink: true, invalidPath: true },
  treatWarningsAsErrors: true,
};
