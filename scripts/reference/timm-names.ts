/**
 * @file Holds files under the names of timm and torchvision to these: each is loaded by `load_state_dict(strict=True)`, and logits
 * compared (`npm run references -- timm-names [models...] [--write] [--large]`). Every model whose names we know, with made-up
 * weights; timm's of its own folder also by `create_model('local-dir:...')`. Models of more than 30 million parameters only where
 * they are named, or with `--large`. MOONLET_PYTHON names an interpreter that has timm and torchvision.
 *
 * `--write` keeps their logits, and how far ours were, in test/zoo/reference/named-logits.json: models that are there already are
 * not computed again unless they are named, so that an interrupted run goes on.
 */
import type { NamedLogits } from '../../test/support/named-logits.ts';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { compile } from '../../src/engine/index.ts';
import { toSafetensors } from '../../src/export/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { timmDefaults } from '../../src/import/timm-defaults.ts';
import { asLibrary, torchTensors } from '../../src/import/outward.ts';
import { cost } from '../../src/read/index.ts';
import { writeRawSafetensors } from '../../src/weights/index.ts';
import { referenceImages, referenceNetTimes } from '../../test/support/reference-fill.ts';
import { timmNames, torchvisionNames } from '../../zoo/architectures/library-names.ts';
import { compose, detectionArchitectures } from '../../zoo/index.ts';

const python = process.env['MOONLET_PYTHON'] ?? 'python3';
if (spawnSync(python, ['-c', 'import timm']).status !== 0) {
  console.log(`references: not checked, since ${python} has no timm; set MOONLET_PYTHON to one that has it`);
  process.exit(0);
}
const [usualSize, classes] = [64, 10];
/** timm makes these for one size alone, whatever it is asked for. */
const sizeOf = (model: string | undefined): number =>
  /^efficientformer_/.test(model ?? '') ? 224 : usualSize;
const bound = 1e-5;
const large = 3e7;
const flags = new Set(process.argv.slice(2).filter((word) => word.startsWith('--')));
const wanted = new Set(process.argv.slice(2).filter((word) => !word.startsWith('--')));
const goldenFile = 'test/zoo/reference/named-logits.json';

interface Case {
  readonly words: string;
  readonly source: 'timm' | 'timm-tf' | 'torchvision';
  readonly model?: string;
}
/** Our words for each model that is known by name, and for forms that timm has no name for. */
function* cases(): Generator<Case> {
  for (const [model, [words]] of Object.entries(timmNames))
    yield { words, source: model.startsWith('tf_') ? 'timm-tf' : 'timm', model };
  for (const [model, [words]] of Object.entries(torchvisionNames))
    if (!detectionArchitectures.has(words))
      // dense_prediction.py compares these
      yield { words, source: 'torchvision', model };
  for (const arch of ['repvgg-a0', 'mobileone-s0', 'fastvit'])
    yield { words: `${arch} form=deploy`, source: 'timm' };
}

interface Said {
  readonly difference?: number;
  /** PyTorch's own rounding in single precision. */
  readonly rounding?: number;
  readonly error?: string;
  readonly by?: string;
  readonly logits?: readonly number[];
}
const goldens = new Map<string, NamedLogits>();
const readGoldens = (): readonly NamedLogits[] =>
  existsSync(goldenFile) ? JSON.parse(readFileSync(goldenFile, 'utf8')).cases : [];
const sameFrom = (number: number): number => Number(number.toExponential(1));
const fullName = ({ source, model }: Case): string =>
  `${source === 'torchvision' ? source : 'timm'}/${model}`;

/**
 * Weights are drawn anew, with smaller scales of norms, for nets on which rounding alone moves PyTorch's own logits by more than a fourth of
 * the bound: where made-up weights saturate gates or multiply branches, the logits of no float32 are right.
 */
const gains = [1, 0.5, 0.25, 0.1] as const;

async function compared(graph: Graph, { words, source, model: named }: Case) {
  const size = sizeOf(named);
  let said: Said = {};
  let model: string | undefined;
  for (const gain of gains) {
    const scaled = referenceNetTimes(graph, gain);
    if (source === 'torchvision') {
      model = named;
      const file = writeRawSafetensors(torchTensors(scaled, source), { format: 'pt' });
      writeFileSync(join(root, 'model.safetensors'), file);
    } else {
      const files = toSafetensors(scaled, { names: 'timm', card: { license: 'apache-2.0' } });
      model = files.model;
      writeFileSync(join(root, 'model.safetensors'), files.weights);
      writeFileSync(join(root, 'config.json'), files.configJson ?? '{}');
    }
    const compiled = await compile(scaled, { layout: 'NCHW' });
    const values = await compiled.run(channelsFirst(referenceImages(size * size * 3)));
    const logits = [...(values.get(graph.outputs[0] ?? '') ?? [])];
    await compiled.release();
    const request = { folder: root, words, source, model: named, named: named !== undefined, size, logits };
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value } = await answers.next();
    said = JSON.parse(String(value)) as Said;
    if (said.rounding === undefined || said.rounding <= bound / 4) return { said, named: model, gain };
  }
  return { said, named: model, gain: gains.at(-1) ?? 1 };
}

function channelsFirst(x: Float32Array): Float32Array {
  const area = x.length / 3;
  return x.map((_, i) => x[(i % area) * 3 + Math.floor(i / area)] ?? 0);
}

const root = mkdtempSync(join(tmpdir(), 'timm-names-'));
const child = spawn(python, ['scripts/reference/timm_names.py', String(classes)], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
let [failed, count, worst] = [0, 0, 0];
const seen = new Set<string>();
try {
  for (const golden of readGoldens()) goldens.set(golden.name, golden);
  for (const one of cases()) {
    const { words, source, model } = one;
    if (model !== undefined && source !== 'torchvision') seen.add(model);
    if (wanted.size && !wanted.has(model ?? words) && !wanted.has(fullName(one))) continue;
    if (!wanted.size && flags.has('--write') && goldens.has(fullName(one))) continue;
    const graph = asLibrary(
      compose(`${words.replace(/ classes=\d+/, '')} size=${sizeOf(model)} classes=${classes}`),
      source,
    );
    if (!wanted.size && !flags.has('--large') && cost(graph).params > large) {
      console.log(`left   ${words} (${source}, ${model}): more than 30 million parameters`);
      continue;
    }
    const { said, named, gain } = await compared(graph, one);
    const good = said.difference !== undefined && said.difference <= bound && named === model;
    count++;
    if (!good) failed++;
    worst = Math.max(worst, said.difference ?? 0);
    const scaled = gain === 1 ? '' : `; norms times ${gain}`;
    console.log(
      `${good ? 'ok' : 'WRONG'}  ${words} (${source}, ${named ?? 'no name'}): ${said.error ?? said.difference?.toExponential(1)}${scaled}`,
    );
    if (flags.has('--write') && good && model !== undefined) keep(fullName(one), said, gain, sizeOf(model));
  }
} finally {
  child.stdin.end();
  await once(child, 'close');
  rmSync(root, { recursive: true, force: true });
}

/** Writes the file anew with this model, in the order of the tables of names. */
function keep(
  name: string,
  { by = '', rounding = 0, difference = 0, logits = [] }: Said,
  gain: number,
  size: number,
): void {
  if (logits.length > classes) return; // a map, which test/import/reference.json has
  goldens.set(name, {
    ...{ name, by, gain, ...(size === usualSize ? {} : { size }) },
    rounding: sameFrom(rounding),
    difference: sameFrom(difference),
    logits,
  });
  const rows = [...cases()]
    .flatMap((one) => goldens.get(fullName(one)) ?? [])
    .map((row) => JSON.stringify(row));
  writeFileSync(goldenFile, `{\n  "cases": [\n    ${rows.join(',\n    ')}\n  ]\n}\n`);
}
const plain = Object.keys(timmDefaults).filter((name) => !name.includes('.'));
const unseen = plain.filter((name) => !seen.has(name));
if (unseen.length) console.error(`no words of ours make ${unseen.join(', ')}`);
console.log(
  `${count - failed} of ${count} load strictly, the worst within ${worst.toExponential(1)} of the largest logit`,
);
process.exitCode = failed + unseen.length ? 1 : 0;
