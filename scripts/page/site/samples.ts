/** @file Which TypeScript samples run in the page, and why the others do not. */
import { highlightCode, classHighlighter } from '@lezer/highlight';
import { javascriptLanguage, typescriptLanguage } from '@codemirror/lang-javascript';
import type { Sample } from '../../../src/web/docs/pages.ts';
import { importsOf, provided } from '../../../src/web/docs/provided.ts';

/** The entries that samples can import in the page, in the form that browsers get. */
const entries: Readonly<Record<string, () => Promise<object>>> = {
  moonlet: () => import('../../../src/index.ts'),
  'moonlet/architectures': () => import('../../../zoo/architectures/index.ts'),
  'moonlet/zoo': () => import('../../../zoo/web.ts'),
  'moonlet/learn': () => import('../../../src/learn/index.ts'),
  'moonlet/run': () => import('../../../src/run/web.ts'),
  'moonlet/compress': () => import('../../../src/compress/index.ts'),
  'moonlet/data': () => import('../../../src/data/in-memory.ts'),
  'moonlet/pictures': () => import('../../../src/data/images/index.ts'),
  'moonlet/export': () => import('../../../src/export/index.ts'),
  'moonlet/import': () => import('../../../src/import/index.ts'),
  'moonlet/engine': () => import('../../../src/engine/index.ts'),
  'moonlet/tfjs': () => import('../../../src/read/tfjs/index.ts'),
  'moonlet/svg': () => import('../../../src/read/svg.ts'),
  'moonlet/jit': () => import('../../../src/jit/index.ts'),
};
/** Other packages that the page has. */
export const packages: readonly string[] = [
  '@tensorflow/tfjs-backend-cpu',
  '@tensorflow/tfjs-core',
  '@tensorflow/tfjs-layers',
];

/** Why code cannot run in a browser; undefined when it can. */
export async function reasonOf(code: string): Promise<string | undefined> {
  for (const { from, names } of importsOf(code)) {
    if (packages.includes(from)) continue;
    const load = entries[from];
    if (!load)
      return from.startsWith('node:') || from.startsWith('moonlet/')
        ? `Needs Node: ${from} is not for browsers.`
        : `Needs Node: the page does not have the package ${from}.`;
    const there = new Set([...Object.keys(await load()), ...(provided[from] ?? [])]);
    const missing = names.find((name) => !there.has(name));
    if (missing) return `Needs Node: ${missing} of ${from} is not for browsers.`;
  }
  return undefined;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const parsers = {
  ts: typescriptLanguage.parser,
  js: javascriptLanguage.parser,
  json: javascriptLanguage.parser,
};

/** Code as HTML, with the classes of @lezer/highlight where its language is known. */
export function colored(code: string, language: string): string {
  const parser = Object.hasOwn(parsers, language) ? parsers[language as keyof typeof parsers] : undefined;
  if (!parser) return escaped(code);
  let html = '';
  highlightCode(
    code,
    // JSON alone is a block, not an object, to the parser
    language === 'json' ? parser.configure({ top: 'SingleExpression' }).parse(code) : parser.parse(code),
    classHighlighter,
    (text, classes) => {
      html += classes ? `<span class="${classes}">${escaped(text)}</span>` : escaped(text);
    },
    () => {
      html += '\n';
    },
  );
  return html;
}

/** Whether a block of code is a program, and not a signature of the API reference. */
export const isProgram = (info: string, code: string): boolean =>
  /^ts\b/.test(info) && (info !== 'ts' || /^\s*import\s/m.test(code));

export async function sampleOf(info: string, code: string, output: string | undefined): Promise<Sample> {
  const isFragment = info !== 'ts';
  const reason = isFragment
    ? 'A part of a program: other names that it uses are yours.'
    : await reasonOf(code);
  return {
    code,
    html: colored(code, 'ts'),
    ...(reason === undefined ? {} : { reason }),
    ...(output === undefined ? {} : { output }),
  };
}
