/**
 * @file Holds files under timm's names to timm itself: each is loaded by `load_state_dict(strict=True)`, and logits compared
 * (`npm run references -- timm-names [models...]`). Every model of timm whose names we know, with made-up weights; those of its
 * own folder also by `create_model('local-dir:...')`. MOONLET_PYTHON names an interpreter that has timm.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { compile } from '../../src/engine/index.ts';
import { toSafetensors } from '../../src/export/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { asLibrary } from '../../src/import/outward.ts';
import { timmDefaults } from '../../src/import/timm-defaults.ts';
import { float, materialize, type Weight, type WeightKey } from '../../src/weights/index.ts';
import { referenceImages, referenceNet } from '../../test/support/reference-fill.ts';
import { timmNames } from '../../zoo/architectures/library-names.ts';
import { compose } from '../../zoo/index.ts';

const python = process.env['MOONLET_PYTHON'] ?? 'python3';
if (spawnSync(python, ['-c', 'import timm']).status !== 0) {
  console.log(`references: not checked, since ${python} has no timm; set MOONLET_PYTHON to one that has it`);
  process.exit(0);
}
const [size, classes] = [64, 10];
const bound = 1e-5;
const wanted = new Set(process.argv.slice(2));

/** Our words for each model of timm that is known by name, and for forms that it has no name for. */
function* cases(): Generator<{
  readonly words: string;
  readonly source: 'timm' | 'timm-tf';
  readonly model?: string;
}> {
  for (const [model, [words]] of Object.entries(timmNames))
    yield { words, source: model.startsWith('tf_') ? 'timm-tf' : 'timm', model };
  for (const arch of ['repvgg-a0', 'mobileone-s0']) yield { words: `${arch} form=deploy`, source: 'timm' };
}

interface Said {
  readonly difference?: number;
  /** PyTorch's own rounding in single precision. */
  readonly rounding?: number;
  readonly error?: string;
}

/**
 * Weights are drawn anew, with smaller scales of norms, for nets on which rounding alone moves PyTorch's own logits by more than half of
 * the bound: where made-up weights saturate gates or multiply branches, the logits of no float32 are right.
 */
const gains = [1, 0.5, 0.25, 0.1] as const;

async function compared(graph: Graph, words: string, named: boolean) {
  const { net } = referenceNet(graph);
  let said: Said = {};
  let model: string | undefined;
  for (const gain of gains) {
    const scaled = {
      graph,
      weights: new Map([...net.weights].map(([key, w]) => [key, timesGain(key, w, gain)])),
    };
    const files = toSafetensors(scaled, { names: 'timm', card: { license: 'apache-2.0' } });
    model = files.model;
    writeFileSync(join(root, 'model.safetensors'), files.weights);
    writeFileSync(join(root, 'config.json'), files.configJson ?? '{}');
    const compiled = await compile(scaled);
    const values = await compiled.run(referenceImages(size * size * 3));
    const logits = [...(values.get(graph.outputs[0] ?? '') ?? [])];
    await compiled.release();
    child.stdin.write(`${JSON.stringify({ folder: root, words, named, logits })}\n`);
    const { value } = await answers.next();
    said = JSON.parse(String(value)) as Said;
    if (said.rounding === undefined || said.rounding <= bound / 2) return { said, named: model, gain };
  }
  return { said, named: model, gain: gains.at(-1) };
}

const timesGain = (key: WeightKey, weight: Weight, gain: number): Weight =>
  key.endsWith(':gamma')
    ? float(
        weight.shape,
        materialize(weight).map((v) => gain * v),
      )
    : weight;

const root = mkdtempSync(join(tmpdir(), 'timm-names-'));
const child = spawn(python, ['scripts/reference/timm_names.py', String(size), String(classes)], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
let [failed, count, worst] = [0, 0, 0];
const seen = new Set<string>();
try {
  for (const { words, source, model } of cases()) {
    if (model !== undefined) seen.add(model);
    if (wanted.size && !wanted.has(model ?? words)) continue;
    const graph = asLibrary(compose(`${words} size=${size} classes=${classes}`), source);
    const { said, named, gain } = await compared(graph, words, model !== undefined);
    const good = said.difference !== undefined && said.difference <= bound && named === model;
    count++;
    if (!good) failed++;
    worst = Math.max(worst, said.difference ?? 0);
    const scaled = gain === 1 ? '' : `; norms times ${gain}`;
    console.log(
      `${good ? 'ok' : 'WRONG'}  ${words} (${source}, ${named ?? 'no name'}): ${said.error ?? said.difference?.toExponential(1)}${scaled}`,
    );
  }
} finally {
  child.stdin.end();
  await once(child, 'close');
  rmSync(root, { recursive: true, force: true });
}
const plain = Object.keys(timmDefaults).filter((name) => !name.includes('.'));
const unseen = plain.filter((name) => !seen.has(name));
if (unseen.length) console.error(`no words of ours make ${unseen.join(', ')}`);
console.log(
  `${count - failed} of ${count} load strictly, the worst within ${worst.toExponential(1)} of the largest logit`,
);
process.exitCode = failed + unseen.length ? 1 : 0;
