/** @file What must not change a trained net: growth, folding, pruning of channels that are masked, and files of other formats. */

import {
  foldBranches,
  type GrowPlan,
  growSteps,
  pruneChannels,
  verifyCertificate,
} from '../../../src/edit/index.ts';
import { compile, runModel, useBackend } from '../../../src/engine/index.ts';
import { toOnnx, toSafetensors } from '../../../src/export/index.ts';
import { stages } from '../../../src/graph/index.ts';
import { packLayers, predictions, unpackLayers } from '../../../src/read/tfjs/index.ts';
import { materialize, type Net, unpack } from '../../../src/weights/index.ts';
import { deviation, type Report, small } from './report.ts';

/** A net that was imported, and photographs as its input. */
export interface Subject {
  readonly name: string;
  readonly net: Net;
  readonly photos: readonly Float32Array[];
}

/** Law 3: of the largest output. */
const preserved = 1e-5;
/** Law 6: exports, which other runtimes compute. */
const exported = 1e-4;

/** The outputs of each photograph, one after another. */
export async function outputsOf({ net, photos }: Pick<Subject, 'net' | 'photos'>): Promise<Float32Array> {
  const compiled = await compile(net);
  const parts: number[] = [];
  for (const x of photos) for (const values of (await compiled.run(x)).values()) parts.push(...values);
  await compiled.release();
  return Float32Array.from(parts);
}

/** Plans of growth; each stage by name, as a person would ask for it. */
function plans({ graph }: Net): Readonly<Record<string, GrowPlan>> {
  const names = stages(graph).map((s) => s.name);
  return {
    'every stage x1.5 as wide': [{ widen: Object.fromEntries(names.map((name) => [name, 'x1.5' as const])) }],
    'every stage a block deeper': names.map((name) => ({ deepen: name, by: 1 })),
    'kernels 5 x 5': [{ enlarge: '**', to: 5 }],
    'twice the multiply-adds': { macs: 2 },
  };
}

export async function checkGrowth(subject: Subject, { check, cell }: Report): Promise<void> {
  const { name, net } = subject;
  const wanted = await outputsOf(subject);
  let worst = 0;
  for (const [what, plan] of Object.entries(plans(net))) {
    const done = growSteps(net, plan, { seed: 1 });
    const flaws = done.flatMap((g, i) => verifyCertificate(done[i - 1]?.net ?? net, g.net, g.maps));
    const last = done.at(-1)?.net ?? net;
    const far = deviation(await outputsOf({ ...subject, net: last }), wanted);
    worst = Math.max(worst, far);
    check({
      ...{ net: name, what: `growth, ${what}` },
      good: far <= preserved && !flaws.length,
      figure: `outputs within ${small(far)}, ${flaws.length} flaws in the certificate${flaws[0] ? `: ${flaws[0]}` : ''}`,
    });
  }
  cell(name, 'growth', small(worst));
}

export async function checkFolding(subject: Subject, { check, cell }: Report): Promise<void> {
  const far = deviation(
    await outputsOf({ ...subject, net: foldBranches(subject.net) }),
    await outputsOf(subject),
  );
  check({
    net: subject.name,
    what: 'norms folded',
    good: far <= preserved,
    figure: `outputs within ${small(far)}`,
  });
  cell(subject.name, 'folding', small(far));
}

/** 30 % of the channels of each layer, exactly and in multiples of 8. */
export async function checkPruning(subject: Subject, { check, cell }: Report): Promise<void> {
  const { name, net } = subject;
  let worst = 0;
  for (const roundTo of [1, 8]) {
    const pruned = pruneChannels(net, { ratio: 0.3 }, { roundTo });
    const flaws = verifyCertificate(pruned.masked(), pruned.net, pruned.maps);
    const far = deviation(
      await outputsOf({ ...subject, net: pruned.net }),
      await outputsOf({ ...subject, net: pruned.masked() }),
    );
    worst = Math.max(worst, far);
    check({
      ...{ net: name, what: `30 % of the channels pruned, in multiples of ${roundTo}` },
      good: far <= preserved && !flaws.length,
      figure: `outputs within ${small(far)} of the masked net's, ${flaws.length} flaws in the certificate`,
    });
  }
  cell(name, 'pruning 30 %', small(worst));
}

export async function checkExports(subject: Subject, { check, cell }: Report): Promise<void> {
  const { name, net, photos } = subject;
  const wanted = await outputsOf(subject);
  const joined = async (each: (x: Float32Array) => Promise<readonly Float32Array[]>): Promise<number[]> => {
    const all: number[] = [];
    for (const x of photos) for (const values of await each(x)) all.push(...values);
    return all;
  };
  const bytes = toOnnx(net);
  const onnx = deviation(await joined((x) => runModel(bytes, x, 1)), wanted);
  check({ net: name, what: 'ONNX', good: onnx <= exported, figure: `outputs within ${small(onnx)}` });
  cell(name, 'ONNX', small(onnx));
  await useBackend('wasm');
  const { modelJson, weights, ours } = await packLayers(net);
  const model = await unpackLayers(modelJson, weights);
  const tfjs = deviation(await joined(async (x) => predictions(model, x, 1)), wanted);
  model.dispose();
  check({
    ...{ net: name, what: 'tf.layers', good: tfjs <= exported },
    figure: `outputs within ${small(tfjs)}, ${ours.length} layers that tf.layers lacks`,
  });
  cell(name, 'tf.layers', small(tfjs));
  const same = sameBits(net, unpack(toSafetensors(net)));
  check({ net: name, what: 'safetensors', good: same, figure: same ? 'the same bits' : 'other weights' });
  cell(name, 'safetensors', same ? 'same bits' : 'other bits');
}

function sameBits(a: Net, b: Net): boolean {
  return (
    JSON.stringify(a.graph) === JSON.stringify(b.graph) &&
    a.weights.size === b.weights.size &&
    [...a.weights].every(([key, weight]) => {
      const other = b.weights.get(key);
      return (
        other !== undefined &&
        Buffer.from(materialize(weight).buffer).equals(Buffer.from(materialize(other).buffer))
      );
    })
  );
}

/** What trained weights have that random ones have not. */
export function peculiarities({ net }: Subject): string {
  let [least, most, dead, channels] = [Number.POSITIVE_INFINITY, 0, 0, 0];
  for (const { id, op } of net.graph.nodes) {
    if (op.kind !== 'norm') continue;
    const values = (slot: 'gamma' | 'variance'): Float32Array => {
      const weight = net.weights.get(`${id}:${slot}`);
      return weight ? materialize(weight) : new Float32Array();
    };
    const [gamma, variance] = [values('gamma'), values('variance')];
    for (const [c, v] of variance.entries()) {
      const scale = Math.abs(gamma[c] ?? 1) / Math.sqrt(v + op.eps);
      least = Math.min(least, v);
      most = Math.max(most, scale);
      channels++;
      if (Math.abs(gamma[c] ?? 1) < 1e-3) dead++;
    }
  }
  return `variances from ${least.toExponential(1)}, scales of norms up to ${most.toFixed(0)}, ${dead} of ${channels} channels with a gamma below 1e-3`;
}
