/** @file The rooms' arrows: who may import whom, read from the import lines of every source file. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, sep } from 'node:path';
import { expect } from 'chai';

/** Room -> the rooms that it may import, besides itself and the leaves. `*` is everything. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  graph: [],
  build: ['graph'],
  weights: ['graph'],
  onnx: [],
  kernels: [],
  read: ['graph', 'weights', 'onnx'],
  'read/tfjs': ['graph', 'weights', 'onnx', 'read', 'kernels'],
  edit: ['graph', 'weights', 'read'],
  jit: ['onnx', 'kernels'],
  engine: ['graph', 'weights', 'kernels', 'read', 'read/tfjs', 'edit/fold', 'jit', 'onnx'],
  learn: [
    ...['graph', 'build', 'weights', 'read', 'read/tfjs', 'edit', 'edit/fold'],
    ...['jit', 'kernels', 'engine', 'data'],
  ],
  import: ['graph', 'weights'],
  compress: [
    ...['graph', 'weights', 'read', 'read/tfjs', 'edit', 'edit/fold'],
    ...['engine', 'learn', 'data'],
  ],
  data: ['files'],
  files: [],
  cli: ['*'],
  'src/index.ts': ['graph', 'build', 'weights', 'onnx', 'read', 'edit', 'edit/fold'],
  'zoo/architectures': ['graph', 'build'],
  zoo: ['graph', 'build', 'weights', 'files', 'zoo/architectures'],
};
const leaves = ['src/errors.ts', 'src/random.ts'];
const tensors = ['read/tfjs', 'kernels', 'jit', 'engine', 'learn', 'compress'];
const native = ['jit', 'engine', 'learn', 'cli'];
const node = ['cli', 'data', 'files', 'zoo'];

/** The most specific room that holds the file. */
function roomOf(file: string): string {
  if (leaves.includes(file) || file === 'src/index.ts') return file;
  if (file.startsWith('zoo/architectures/')) return 'zoo/architectures';
  if (file.startsWith('zoo/')) return 'zoo';
  if (file.startsWith('src/read/tfjs')) return 'read/tfjs';
  if (/^src\/edit\/fold(\.ts$|-|\/)/.test(file)) return 'edit/fold';
  return file.split('/')[1] ?? file;
}
const parentOf = (room: string): string => (room === 'edit/fold' ? 'edit' : room);

interface Import {
  readonly file: string;
  readonly what: string; // a path from the root, or a package
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const code = readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '');
  const statement = /(?:^|[;\n])\s*(import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^'\n]+)'/g;
  const dynamic = /\bimport\(\s*'([^'\n]+)'\s*\)/g;
  const found = [
    ...[...code.matchAll(statement)].map(([, , type, what]) => ({
      what: what!,
      typeOnly: type !== undefined,
    })),
    ...[...code.matchAll(dynamic)].map(([, what]) => ({ what: what!, typeOnly: false })),
  ];
  return found.map(({ what, typeOnly }) => ({
    file,
    typeOnly,
    what: what.startsWith('.') ? posix.normalize(posix.join(dirname(file), what)) : what,
  }));
}

const files = ['src', 'zoo']
  .filter((folder) => existsSync(folder))
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  )
  .map((file) => file.split(sep).join('/'))
  .filter((file) => file.endsWith('.ts'));
const imports = files.flatMap(importsOf);
const local = imports.filter(({ what }) => /^(src|zoo|scripts|test)\//.test(what));
const say = ({ file, what }: Import): string => `${file} imports ${what}`;

describe('the rooms', () => {
  it('have names in the table', () => {
    const known = new Set([...Object.keys(arrows), ...leaves, 'edit/fold']);
    expect(files.filter((file) => !known.has(roomOf(file)))).to.deep.equal([]);
  });

  it('import only along the arrows', () => {
    const wrong = local.filter(({ file, what }) => {
      const [from, to] = [parentOf(roomOf(file)), roomOf(what)];
      if (leaves.includes(to) || from === parentOf(to)) return false;
      if (leaves.includes(from)) return true;
      const allowed = arrows[from] ?? [];
      return !allowed.includes('*') && !allowed.includes(to) && !allowed.includes(parentOf(to));
    });
    expect(wrong.map(say)).to.deep.equal([]);
  });

  it('import files that exist, with their extension', () => {
    expect(local.filter(({ what }) => !existsSync(what)).map(say)).to.deep.equal([]);
  });

  it('use tensors, onnxruntime and Node only where they are at home', () => {
    const homes: readonly (readonly [(what: string) => boolean, readonly string[]])[] = [
      [(what) => what.startsWith('@tensorflow/'), tensors],
      [(what) => what.startsWith('onnxruntime'), native],
      [(what) => what.startsWith('node:'), node],
    ];
    const wrong = imports.filter(({ file, what }) =>
      homes.some(([matches, rooms]) => matches(what) && !rooms.includes(roomOf(file))),
    );
    expect(wrong.map(say)).to.deep.equal([]);
  });

  it('leave src/index.ts free of tensors and of Node, however far one follows it', () => {
    const from = (file: string): Import[] => imports.filter((i) => i.file === file && !i.typeOnly);
    const reached = new Map<string, string>([['src/index.ts', 'src/index.ts']]);
    const wrong: string[] = [];
    for (const [file, way] of reached) {
      for (const { what } of from(file)) {
        if (/^(@tensorflow\/|onnxruntime|node:)/.test(what)) wrong.push(`${way} -> ${what}`);
        else if (/^(src|zoo)\//.test(what) && !reached.has(what)) reached.set(what, `${way} -> ${what}`);
      }
    }
    expect(files).to.include('src/index.ts');
    expect(wrong).to.deep.equal([]);
  });

  it('keep their tests in test/, where mocha looks for them', () => {
    expect(files.filter((file) => /\.(test|deep)\.ts$/.test(file))).to.deep.equal([]);
  });
});
