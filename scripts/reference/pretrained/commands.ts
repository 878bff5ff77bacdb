/** @file The command line as a person uses it: photographs named, exported to transformers.js, and made int8 on a folder of photographs. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { run } from './fetch.ts';
import { rounding } from './integers.ts';
import type { Report } from './report.ts';

const transformers = '@huggingface/transformers@4.3.2';

/** What `moonlet` prints. @throws Error with its line on stderr when it fails. */
export const moonlet = (...args: readonly string[]): string =>
  run(process.execPath, ['--import', 'tsx', join('src', 'cli', 'main.ts'), ...args]);

interface Guess {
  readonly label: string;
  readonly index: number;
  readonly probability: number;
}
/** Guesses by the name of the picture's file. */
type Guesses = ReadonlyMap<string, readonly Guess[]>;

function classified(folder: string, photos: readonly string[]): Guesses {
  const { pictures }: { pictures: readonly { picture: string; guesses: readonly Guess[] }[] } = JSON.parse(
    moonlet('classify', folder, ...photos, '--json'),
  );
  return new Map(pictures.map(({ picture, guesses }) => [basename(picture), guesses]));
}

/** transformers.js in a folder of its own, with a script that prints the labels of pictures. */
function installed(): string {
  const folder = join(tmpdir(), 'moonlet-cache', 'pretrained', transformers.replace(/[^\w.]+/g, '-'));
  if (!existsSync(join(folder, 'node_modules', '@huggingface', 'transformers', 'package.json'))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}\n');
    writeFileSync(
      join(folder, '.npmrc'),
      'onnxruntime-node-install=skip\nloglevel=error\nfund=false\naudit=false\n',
    );
    run('npm', ['install', '--silent', '--save-exact', transformers], { cwd: folder });
  }
  writeFileSync(
    join(folder, 'classify.js'),
    `import { env, pipeline } from '@huggingface/transformers';
const [model, dtype, ...images] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = '/';
const classify = await pipeline('image-classification', model, { dtype });
const all = [];
for (const image of images) all.push(await classify(image, { top_k: 5 }));
process.stdout.write(JSON.stringify(all));
`,
  );
  return folder;
}

function byTransformers(model: string, dtype: 'fp32' | 'q8', photos: readonly string[]): Guesses {
  const said: readonly (readonly { label: string; score: number }[])[] = JSON.parse(
    run(process.execPath, ['classify.js', model, dtype, ...photos], { cwd: installed() }),
  );
  return new Map(
    photos.map((photo, i) => [
      basename(photo),
      (said[i] ?? []).map(({ label, score }) => ({ label, index: -1, probability: score })),
    ]),
  );
}

interface Wanted {
  readonly name: string;
  /** The imported net. */
  readonly folder: string;
  readonly scratch: string;
  /** JPEG files. */
  readonly photos: readonly string[];
  /** A folder of photographs without classes. */
  readonly calibration: string;
  /** Whether int8 exports are checked too, which takes minutes. */
  readonly integers: boolean;
  /** The five most probable classes of each photograph by the reference, by the name of the file. */
  readonly reference: ReadonlyMap<string, readonly number[]>;
}

export function checkCommands(wanted: Wanted, { check }: Report): void {
  const { name, folder, scratch, photos, calibration, reference, integers } = wanted;
  const own = classified(folder, photos);
  const labelsOf = (file: string): readonly string[] => (own.get(file) ?? []).map((g) => g.label);
  const compare = (what: string, got: Guesses, count: number): void => {
    for (const photo of photos) {
      const file = basename(photo);
      const labels = (got.get(file) ?? []).slice(0, count).map((g) => g.label);
      const good = labels.length === count && labels.join('|') === labelsOf(file).slice(0, count).join('|');
      const scores = (got.get(file) ?? []).slice(0, 2).map((g) => `${g.label} ${g.probability.toFixed(3)}`);
      check({
        ...{ net: name, what: `${what}, ${file}`, good },
        figure: `top ${count} ${good ? 'the same' : `not ${labelsOf(file).slice(0, count).join(', ')}`}: ${scores.join(', ')}`,
      });
    }
  };
  for (const photo of photos) {
    const file = basename(photo);
    const [got, expected] = [
      (own.get(file) ?? []).map((g) => g.index).join(' '),
      reference.get(file)?.join(' '),
    ];
    check({
      ...{ net: name, what: `moonlet classify, ${file}`, good: got === expected },
      figure: `${got === expected ? '' : `not ${expected}: `}${labelsOf(file).join(', ')}`,
    });
  }
  const out = (...path: readonly string[]): string => join(scratch, name, ...path);
  const int8 = integers ? ['--int8', '--quantize', rounding, '--data', calibration] : [];
  moonlet('export', folder, '--format', 'transformers', ...int8, '--out', out('transformers'));
  // transformers.js resizes by Lanczos, so that the order of less probable classes may differ
  compare('transformers.js', byTransformers(out('transformers'), 'fp32', photos), integers ? 5 : 1);
  if (!integers) return;
  compare('transformers.js in int8', byTransformers(out('transformers'), 'q8', photos), 1);
  const words = [
    '--steps',
    `quantize=8,${rounding}`,
    '--runs',
    '0',
    '--data',
    calibration,
    '--out',
    out('compressed'),
  ];
  moonlet('compress', folder, ...words);
  compare('moonlet compress quantize=8', classified(out('compressed'), photos), 1);
}
