/** @file The rooms' arrows: who may import whom, read from the import lines of every source file. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, sep } from 'node:path';
import { expect } from 'chai';

interface Room {
  readonly mayImport: readonly string[];
  /** Of tf, onnxruntime and node. */
  readonly uses: readonly string[];
}
/** The table of docs/design.md: | `room` | what it holds | may import | uses |. */
function table(): ReadonlyMap<string, Room> {
  const words = (cell: string): string[] => cell.split(',').flatMap((word) => word.trim() || []);
  const rows = [...readFileSync('docs/design.md', 'utf8').matchAll(/^\| `([^`]+)` \|(.*)\|(.*)\|(.*)\|$/gm)];
  return new Map(
    rows.map(([, room = '', , imports = '', uses = '']) => [
      room,
      { mayImport: words(imports), uses: words(uses) },
    ]),
  );
}
const rooms = table();
const leaves = ['src/access.ts', 'src/errors.ts', 'src/random.ts'];

/** The most specific room that holds the file. */
function roomOf(file: string): string {
  if (leaves.includes(file)) return file;
  if (['src/index.ts', 'src/types.ts'].includes(file)) return 'src/index.ts';
  if (file.startsWith('zoo/architectures/')) return 'zoo/architectures';
  if (file.startsWith('zoo/')) return 'zoo';
  if (file.startsWith('src/read/tfjs')) return 'read/tfjs';
  if (file.startsWith('src/edit/fold/')) return 'edit/fold';
  return file.split('/')[1] ?? file;
}

interface Import {
  readonly file: string;
  readonly what: string; // a path from the root, or a package
  readonly typeOnly: boolean;
  /** By `import(...)`, when it is needed. */
  readonly dynamic: boolean;
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
      dynamic: false,
    })),
    ...[...code.matchAll(dynamic)].map(([, what]) => ({ what: what!, typeOnly: false, dynamic: true })),
  ];
  return found.map(({ what, ...kind }) => ({
    file,
    ...kind,
    what: what.startsWith('.') ? posix.normalize(posix.join(dirname(file), what)) : what,
  }));
}

const files = ['src', 'zoo']
  .filter((folder) => existsSync(folder))
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  )
  .map((file) => file.split(sep).join('/'))
  .filter((file) => /\.tsx?$/.test(file));
const imports = files.flatMap(importsOf);
const local = imports.filter(({ what }) => /^(src|zoo|scripts|test)\//.test(what));
const say = ({ file, what }: Import): string => `${file} imports ${what}`;

describe('the rooms', () => {
  it('have names in the table', () => {
    const known = new Set([...rooms.keys(), ...leaves]);
    expect(files.filter((file) => !known.has(roomOf(file)))).to.deep.equal([]);
    const used = new Set(files.map(roomOf));
    expect([...rooms.keys()].filter((room) => !used.has(room))).to.deep.equal([]);
  });

  it('import only along the arrows', () => {
    const wrong = local.filter(({ file, what }) => {
      const [from, to] = [roomOf(file), roomOf(what)];
      if (leaves.includes(to) || from === to || (from === 'edit' && to === 'edit/fold')) return false;
      const mayImport = rooms.get(from)?.mayImport ?? [];
      return !mayImport.includes('everything') && !mayImport.includes(to);
    });
    expect(wrong.map(say)).to.deep.equal([]);
  });

  it('have no circle of files that import each other, types included', () => {
    const ways = new Map(
      files.map((file) => [
        file,
        [...new Set(local.flatMap((i) => (i.file === file && !i.dynamic ? i.what : [])))],
      ]),
    );
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (file: string, way: readonly string[]): void => {
      if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(' -> '));
      if (done.has(file)) return;
      done.add(file);
      for (const next of ways.get(file) ?? []) visit(next, [...way, file]);
    };
    for (const file of files) visit(file, []);
    expect(circles).to.deep.equal([]);
  });

  it('keep no attic: at most eight loose files in src/edit and in src/learn', () => {
    for (const room of ['src/edit', 'src/learn'])
      expect(
        readdirSync(room).filter((name) => name.endsWith('.ts')),
        room,
      ).to.have.length.at.most(8);
  });

  it('are imported by no script of src: programs in scripts/ are above all rooms', () => {
    expect(local.filter(({ what }) => /^(scripts|test)\//.test(what)).map(say)).to.deep.equal([]);
  });

  it('import files that exist, with their extension', () => {
    expect(local.filter(({ what }) => !existsSync(what)).map(say)).to.deep.equal([]);
  });

  it('use tensors, onnxruntime and Node only where they are at home', () => {
    const packages = [
      ['tf', /^@tensorflow\//],
      ['onnxruntime', /^onnxruntime/],
      ['node', /^node:/],
    ] as const;
    const wrong = imports.filter(({ file, what }) =>
      packages.some(([name, pattern]) => pattern.test(what) && !rooms.get(roomOf(file))?.uses.includes(name)),
    );
    expect(wrong.map(say)).to.deep.equal([]);
  });

  it('leave src/index.ts and moonlet/pictures free of tensors and of Node, however far one follows them', () => {
    const from = (file: string): Import[] => imports.filter((i) => i.file === file && !i.typeOnly);
    const faces = ['src/index.ts', 'src/data/images/index.ts'];
    const reached = new Map<string, string>(faces.map((file) => [file, file]));
    const wrong: string[] = [];
    for (const [file, way] of reached) {
      for (const { what } of from(file)) {
        if (/^(@tensorflow\/|onnxruntime|node:)/.test(what)) wrong.push(`${way} -> ${what}`);
        else if (/^(src|zoo)\//.test(what) && !reached.has(what)) reached.set(what, `${way} -> ${what}`);
      }
    }
    expect(files).to.include.members(faces);
    expect(wrong).to.deep.equal([]);
  });

  it('keep their tests in test/, where mocha looks for them', () => {
    expect(files.filter((file) => /\.(test|deep)\.ts$/.test(file))).to.deep.equal([]);
  });
});
