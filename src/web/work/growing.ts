/** @file A net that grows in the worker: widened or deepened, verified, and trained on. */

import { fetchNet } from '../../../zoo/web.ts';
import { get } from '../../access.ts';
import type { GrowPlan } from '../../edit/index.ts';
import { compile } from '../../engine/index.ts';
import { type Cost, cost, type Graph, graphs, grow, type Net, verifyCertificate } from '../../index.ts';
import { evaluate, sgd } from '../../learn/index.ts';
import { wholeDataset } from './data.ts';
import { nets } from './places.ts';
import { softmax } from './running.ts';
import { inputOf, parts, signalOfRun, told } from './training.ts';

export interface Growable {
  readonly graph: Graph;
  readonly stages: readonly string[];
  /** On the held-out images. */
  readonly accuracy: number;
}
export interface Grown extends Growable {
  /** What is wrong with the certificate, none when it holds. */
  readonly findings: readonly string[];
  /** Values whose map the certificate verified. */
  readonly verified: number;
  readonly preserves: string;
  readonly maxAbsDiff: number;
  /** The largest output. */
  readonly scale: number;
  readonly before: Cost;
  readonly after: Cost;
  /** Probabilities of one image, before and after. */
  readonly outputs: readonly [Float32Array, Float32Array];
}

let current: { readonly net: Net; readonly data: string } | undefined;
const held = () => {
  if (!current) throw new Error('no net is open; choose one');
  return current;
};

async function described(net: Net, data: string): Promise<Growable> {
  const all = await wholeDataset(data);
  const { accuracy } = await evaluate(net, parts(all).validation, all);
  return { graph: net.graph, stages: graphs.stages(net.graph).map(({ name }) => name), accuracy };
}

/** Opens a shipped net, or one that was trained in the page. */
export async function openNet(
  what: { readonly id: string } | { readonly net: Net; readonly data: string },
): Promise<Growable> {
  if ('id' in what) {
    const { net, card } = await fetchNet(what.id, { from: nets });
    current = { net, data: card.data };
  } else current = what;
  return described(current.net, current.data);
}

/** Outputs for some images, in inference. */
async function outputsOf(net: Net, x: Float32Array): Promise<Float32Array> {
  const compiled = await compile(net);
  try {
    return get(await compiled.run(x), graphs.onlyOutput(net.graph));
  } finally {
    await compiled.release();
  }
}

const images = 32;

/** @throws Refusal when the plan cannot be done; the net stays what it was. */
export async function growNet(plan: GrowPlan, seed: number): Promise<Grown> {
  const { net, data } = held();
  const all = await wholeDataset(data);
  const growth = grow(net, plan, { seed });
  const findings = verifyCertificate(net, growth.net, growth.maps);
  const one = inputOf(all, 0).length;
  const x = new Float32Array(images * one);
  for (let i = 0; i < images; i++) x.set(inputOf(all, i), i * one);
  const [before, after] = [await outputsOf(net, x), await outputsOf(growth.net, x)];
  const maxAbsDiff = before.reduce((most, v, i) => Math.max(most, Math.abs(v - (after[i] ?? 0))), 0);
  const scale = before.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const classes = graphs.classesOf(net.graph);
  current = { net: growth.net, data };
  return {
    ...(await described(growth.net, data)),
    ...{ findings, verified: growth.maps.size, preserves: growth.preserves, maxAbsDiff, scale },
    ...{ before: cost(net.graph), after: cost(growth.net.graph) },
    outputs: [softmax(before.slice(0, classes), classes), softmax(after.slice(0, classes), classes)],
  };
}

export interface Continued {
  readonly steps: number;
  readonly accuracy: number;
  readonly net: Net;
}

/** Trains the net as it is now for some steps; `name` is that of the events. */
export async function trainOn(name: string, steps: number, rate: number, seed: number): Promise<Continued> {
  const { net, data } = held();
  const all = await wholeDataset(data);
  const fitted = await told(
    net,
    { name, data: all, signal: signalOfRun() },
    {
      ...{ steps, batch: 64, seed, rate },
      optimizer: sgd({ nesterov: true, weightDecay: 5e-4 }),
      evaluateEvery: Math.min(steps, 25),
    },
  );
  current = { net: fitted.net, data };
  const { accuracy } = await described(fitted.net, data);
  return { steps: fitted.history.loss.length, accuracy, net: fitted.net };
}
