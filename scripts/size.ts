/**
 * @file Holds the sizes: lines a file, and gzipped bytes of what a browser would load. The bundles are also
 * the proof that the core and the architectures need neither a tensor library nor Node.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { look } from './lib/code.ts';

/** Above the first a file is named, above the second it fails. */
const lineLimits = [
  { folder: 'zoo/architectures', wish: 120, limit: 120 },
  { folder: 'src', wish: 300, limit: 400 },
  { folder: 'zoo', wish: 300, limit: 400 },
  { folder: 'scripts', wish: 300, limit: 400 },
  { folder: 'test', wish: 300, limit: 400 },
] as const;

/** Of `src`: casts (`x as T`), lines of a function, files of a room without wings. */
const codeLimits = { casts: 40, functionLines: { wish: 60, limit: 90 } } as const;

interface Fixture {
  readonly name: string;
  readonly ceiling: number; // bytes after gzip
  readonly source: string;
  readonly needs: readonly string[];
}
const fixtures: readonly Fixture[] = [
  {
    name: 'cost only',
    ceiling: 8_000,
    source: "export { cost } from './src/index.ts';",
    needs: ['src/index.ts'],
  },
  {
    name: 'builder and one architecture',
    ceiling: 14_000,
    source: "export { cost } from './src/index.ts'; export { wrn } from './zoo/architectures/wrn.ts';",
    needs: ['src/index.ts', 'zoo/architectures/wrn.ts'],
  },
  {
    name: 'the whole core and every architecture',
    ceiling: 173_000,
    source: ['src/index.ts', ...filesUnder('zoo/architectures')]
      .map((file, i) => `export * as part${i} from './${file}';`)
      .join('\n'),
    needs: ['src/index.ts'],
  },
];
const foreign = ['@tensorflow', 'onnxruntime', 'node:'];

const problems: string[] = [];
for (const { file, lines, wish, limit } of countLines()) {
  if (lines > limit) problems.push(`${file}: ${lines} lines, and at most ${limit} are allowed; split it`);
  else if (lines > wish) console.log(`${file}: ${lines} lines, more than the ${wish} wished for`);
}
problems.push(...lookAtCode());
for (const fixture of fixtures) {
  if (fixture.needs.every((file) => existsSync(file))) problems.push(...(await weigh(fixture)));
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length ? 1 : 0;

function countLines(): { file: string; lines: number; wish: number; limit: number }[] {
  const seen = new Set<string>();
  return lineLimits.flatMap(({ folder, wish, limit }) =>
    filesUnder(folder)
      .filter((file) => !readFileSync(file, 'utf8').includes('not edited by hand')) // tables of data
      .filter((file) => !seen.has(file) && seen.add(file))
      .map((file) => ({ file, wish, limit, lines: readFileSync(file, 'utf8').split('\n').length - 1 })),
  );
}

/** Casts in all, and functions that do not fit on a screen. */
function lookAtCode(): string[] {
  const { casts, functionLines } = codeLimits;
  const seen = filesUnder('src').map(look);
  const count = seen.reduce((n, s) => n + s.casts, 0);
  const long = seen.flatMap(({ file, functions }) =>
    functions.flatMap(({ name, line, lines }) =>
      lines > functionLines.wish ? [{ lines, text: `${file}:${line}: ${name} has ${lines} lines` }] : [],
    ),
  );
  console.log(
    `casts in src: ${count}, of ${casts}; functions over ${functionLines.wish} lines: ${long.length}`,
  );
  return [
    ...(count > casts ? [`src: ${count} casts, and at most ${casts} are allowed`] : []),
    ...long.flatMap(({ lines, text }) =>
      lines > functionLines.limit ? [`${text}, and at most ${functionLines.limit} are allowed`] : [],
    ),
  ];
}

function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name).replaceAll('\\', '/'))
    .filter((file) => /\.(tsx?|mjs)$/.test(file) && statSync(file).isFile())
    .sort();
}

async function weigh({ name, source, ceiling }: Fixture): Promise<string[]> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: '.', loader: 'ts' },
    bundle: true,
    minify: true,
    treeShaking: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['import'],
    external: ['node:*', '@tensorflow/*', 'onnxruntime-*'], // let them through, to name them below
    write: false,
    metafile: true,
    logLevel: 'error',
  });
  const text = outputFiles[0]!.text;
  const bytes = gzipSync(text).length;
  console.log(`${name}: ${bytes.toLocaleString('en')} bytes gzipped, of ${ceiling.toLocaleString('en')}`);
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
  return [
    ...(bytes > ceiling ? [`${name}: ${bytes} bytes gzipped, over the ceiling of ${ceiling}`] : []),
    ...foreign
      .filter((word) => imports.some((path) => path.includes(word)))
      .map((word) => `${name}: the bundle imports ${word}, which a browser should not need`),
  ];
}
