/** @file What somebody drops or chooses: nets, pictures and labels among files and folders. */
import type { Brought } from '../work/own.ts';

export interface Found {
  readonly file: File;
  /** With the folders above it. */
  readonly path: string;
}

/** All files of a drop, those in folders too. */
export async function droppedFiles(items: DataTransferItemList): Promise<readonly Found[]> {
  const entries = Array.from(items).flatMap((item) => item.webkitGetAsEntry() ?? []); // at once: the list is emptied later
  return (await Promise.all(entries.map(filesIn))).flat();
}

async function filesIn(entry: FileSystemEntry): Promise<readonly Found[]> {
  if (entry instanceof FileSystemFileEntry) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    return [{ file, path: entry.fullPath.replace(/^\//, '') }];
  }
  if (!(entry instanceof FileSystemDirectoryEntry)) return [];
  const reader = entry.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    // a reader gives some entries at a time
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (!some.length) break;
    all.push(...some);
  }
  return (await Promise.all(all.map(filesIn))).flat();
}

export const chosenFiles = (list: FileList | null): readonly Found[] =>
  Array.from(list ?? []).map((file) => ({ file, path: file.webkitRelativePath || file.name }));

export interface Sorted {
  readonly net?: Brought;
  readonly pictures: readonly Found[];
  readonly labels?: readonly string[];
  readonly card?: string;
}
const named = (found: readonly Found[], name: string): File | undefined =>
  found.find(({ file }) => file.name === name)?.file;
const bytesOf = async (file: File): Promise<Uint8Array> => new Uint8Array(await file.arrayBuffer());

/** The net, the pictures and the labels among some files. */
export async function sorted(found: readonly Found[]): Promise<Sorted> {
  const pictures = found
    .filter(({ file }) => /^image\/(png|jpeg|webp|gif|bmp|avif)$/.test(file.type))
    .sort((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }));
  const labels = await named(found, 'labels.txt')?.text();
  const card = await named(found, 'card.json')?.text();
  const more = {
    pictures,
    ...(labels === undefined
      ? {}
      : {
          labels: labels
            .split('\n')
            .map((line) => line.trim())
            .filter(Boolean),
        }),
    ...(card === undefined ? {} : { card }),
  };
  const onnx = found.find(({ file }) => /\.onnx$/i.test(file.name))?.file;
  if (onnx) return { ...more, net: { kind: 'onnx', name: onnx.name, bytes: await bytesOf(onnx) } };
  const [graph, weights] = [named(found, 'graph.json'), named(found, 'weights.safetensors')];
  if (graph && weights)
    return {
      ...more,
      net: {
        kind: 'student',
        name: graph.name,
        graphJson: await graph.text(),
        weights: await bytesOf(weights),
      },
    };
  return more;
}
