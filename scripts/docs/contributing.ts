/**
 * @file Writes the list of CONTRIBUTING.md: the files that stop compiling when `Op` gets a kind that they do not know. It adds one
 * to the union, in memory, and asks the compiler. `--check` writes nothing and fails when the list is not as the code is.
 *
 *   npm run docs -- contributing
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import ts from 'typescript';
import { marks, remarked } from '../lib/markdown.ts';

const page = 'CONTRIBUTING.md';
const union = 'export type Op =\n';

/** What each error is about, by file. */
export function whereKindsMatter(): ReadonlyMap<string, readonly string[]> {
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
  const ours = (name: string): boolean => /^(src|zoo)\//.test(relative('.', name));
  const host = ts.createCompilerHost(options, true);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, version, ...more) => {
    if (relative('.', name) !== 'src/graph/op.ts') return read(name, version, ...more);
    const text = readFileSync(name, 'utf8');
    if (!text.includes(union)) throw new Error(`${name}: no union Op`);
    const wider = text.replace(union, `${union}  | { readonly kind: 'newKind' }\n`);
    return ts.createSourceFile(name, wider, version, true);
  };
  const program = ts.createProgram({ rootNames: fileNames.filter(ours), options, host });
  const found = new Map<string, string[]>();
  for (const file of program.getSourceFiles()) {
    if (!ours(file.fileName)) continue;
    const name = relative('.', file.fileName);
    for (const { messageText } of program.getSemanticDiagnostics(file))
      found.set(name, [
        ...(found.get(name) ?? []),
        ts.flattenDiagnosticMessageText(messageText, ' ', 0).split('\n')[0] ?? '',
      ]);
  }
  return new Map([...found].sort());
}

/** The first sentence of a file's header. */
function subject(file: string): string {
  const [, header = ''] = readFileSync(file, 'utf8').match(/@file\s+([\s\S]*?)\*\//) ?? [];
  const [sentence = ''] = header.replace(/\s*\n \*\s*/g, ' ').split(/(?<=\.)\s/);
  return sentence.trim().replace(/\.$/, '');
}

const rows = [...whereKindsMatter().keys()].map((file) => `- \`${file}\`: ${subject(file)}`);
const before = readFileSync(page, 'utf8');
const after = remarked(before, marks('npm run docs -- contributing', 'kinds'), rows.join('\n'));
if (process.argv.includes('--check')) {
  const good = before === after;
  console.log(good ? `${page} names the files that a new kind of op breaks` : rows.join('\n'));
  if (!good) console.error(`${page} is not as the code is; run npm run docs -- contributing`);
  process.exitCode = good ? 0 : 1;
} else writeFileSync(page, after);
