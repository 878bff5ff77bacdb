/**
 * @file The training step of a case in jax-js: the graph of the net as a function of its weights, its gradient and SGD with Nesterov
 * momentum under one `jit`. Images are channels first, as jax-js' convs want them.
 *
 * jax-js frees an array when its last owner has read it: what is read again is passed as `.ref`.
 */

import { blockUntilReady, defaultDevice, init, jit, lax, nn, numpy as np, valueAndGrad } from '@jax-js/jax';
import type { Material, Step } from '../../../src/bench/training.ts';
import { MoonletError } from '../../../src/errors.ts';
import { classesOf, type Graph, inputShape, type Node, onlyOutput, slide } from '../../../src/graph/index.ts';

import { materialize } from '../../../src/weights/index.ts';

type Arrays = Record<string, np.Array>;

const momentum = 0.9;
const places = [0, 2, 3];

/** A batch norm with the statistics of the batch; `keep` gets the new running ones. */
function norm(
  { id, op }: Node & { readonly op: { readonly kind: 'norm' } & Node['op'] },
  x: np.Array,
  weights: Arrays,
  running: Arrays,
  keep: (name: string, value: np.Array) => void,
): np.Array {
  const mean = np.mean(x.ref, places, { keepdims: true });
  const centred = x.sub(mean.ref);
  const variance = np.mean(np.square(centred.ref), places, { keepdims: true });
  const wide = (name: string): np.Array => at(weights, `${id}:${name}`).reshape([1, -1, 1, 1]);
  const moved = (name: string, now: np.Array): void => {
    const old = at(running, `${id}:${name}`);
    keep(`${id}:${name}`, old.mul(op.momentum).add(lax.stopGradient(now.reshape([-1])).mul(1 - op.momentum)));
  };
  moved('mean', mean);
  moved('variance', variance.ref);
  return centred.mul(wide('gamma').div(np.sqrt(variance.add(op.eps)))).add(wide('beta'));
}

/** The net's output, [batch, classes], and the new statistics. */
function forward(graph: Graph, weights: Arrays, running: Arrays, x: np.Array): [np.Array, Arrays] {
  const statistics: Arrays = {};
  const readers = new Map<string, number>();
  for (const { inputs } of graph.nodes) for (const id of inputs) readers.set(id, (readers.get(id) ?? 0) + 1);
  const values = new Map<string, np.Array>();
  /** The value of a node; its last reader takes it. */
  const read = (id: string): np.Array => {
    const value = values.get(id);
    const left = (readers.get(id) ?? 1) - 1;
    readers.set(id, left);
    if (!value) throw new Error(`internal: no value ${id}`);
    return left > 0 ? value.ref : value;
  };
  const compute = (node: Node): np.Array => {
    const { op, id, inputs } = node;
    const [first = '', second = ''] = inputs;
    switch (op.kind) {
      case 'input':
        return x;
      case 'conv': {
        const value = read(first);
        const [, , height = 1, width = 1] = value.shape;
        const { top, bottom, left, right } = slide([height, width], op).pads;
        return lax.convGeneralDilated(
          value,
          at(weights, `${id}:kernel`),
          [...op.stride],
          [
            [top, bottom],
            [left, right],
          ],
          {
            featureGroupCount: op.groups,
          },
        );
      }
      case 'norm':
        return norm({ ...node, op }, read(first), weights, running, (name, value) => {
          statistics[name] = value;
        });
      case 'act':
        if (op.fn === 'relu') return nn.relu(read(first));
        break;
      case 'add':
        return read(first).add(read(second));
      case 'globalPool':
        if (op.fn === 'avg') return np.mean(read(first), [2, 3]);
        break;
      case 'dense':
        return np.matmul(read(first), at(weights, `${id}:kernel`)).add(at(weights, `${id}:bias`));
      default:
    }
    throw new MoonletError(`the bench has no ${op.kind} for jax-js`);
  };
  for (const node of graph.nodes) values.set(node.id, compute(node));
  return [read(onlyOutput(graph)), statistics];
}

function at(arrays: Arrays, name: string): np.Array {
  const array = arrays[name];
  if (!array) throw new Error(`internal: no array ${name}`);
  return array;
}

/** @throws MoonletError where the net has an op that this file does not write in jax-js. */
export async function jaxStep({ job, net, x, labels }: Material): Promise<Step> {
  await init('wasm');
  defaultDevice('wasm');
  const { graph } = net;
  let [weights, velocity, running]: [Arrays, Arrays, Arrays] = [{}, {}, {}];
  for (const [key, weight] of net.weights) {
    const { shape } = weight;
    const array = np.array(Float32Array.from(materialize(weight))).reshape([...shape]);
    if (key.endsWith(':mean') || key.endsWith(':variance')) running[key] = array;
    else {
      weights[key] = shape.length === 4 ? np.transpose(array, [3, 2, 0, 1]) : array;
      velocity[key] = np.zeros(weights[key].shape);
    }
  }
  const [height = 1, width = 1, channels = 1] = inputShape(graph);
  const image = np.transpose(np.array(x).reshape([job.batch, height, width, channels]), [0, 3, 1, 2]);
  const classes = classesOf(graph);
  const hot = Float32Array.from({ length: job.batch * classes }, (_, i) =>
    labels[Math.floor(i / classes)] === i % classes ? 1 : 0,
  );
  const targets = np.array(hot).reshape([job.batch, classes]);
  const rate = np.array(Float32Array.of(job.rate)).reshape([]);

  const loss = (w: Arrays, stats: Arrays, images: np.Array, wanted: np.Array): [np.Array, Arrays] => {
    const [logits, after] = forward(graph, w, stats, images);
    return [np.sum(nn.logSoftmax(logits, -1).mul(wanted)).mul(-1 / job.batch), after];
  };
  const step = jit(
    (w: Arrays, v: Arrays, stats: Arrays, images: np.Array, wanted: np.Array, by: np.Array) => {
      const refs = Object.fromEntries(Object.entries(w).map(([name, value]) => [name, value.ref]));
      const [[value, after], gradient] = valueAndGrad(loss, { hasAux: true })(refs, stats, images, wanted);
      const [next, moved]: [Arrays, Arrays] = [{}, {}];
      for (const name of Object.keys(w)) {
        const g = at(gradient as Arrays, name);
        const speed = at(v, name).mul(momentum).add(g.ref);
        next[name] = at(w, name).sub(g.add(speed.ref.mul(momentum)).mul(by.ref));
        moved[name] = speed;
      }
      by.dispose();
      return [value, next, moved, after] as [np.Array, Arrays, Arrays, Arrays];
    },
  );
  let last = Number.NaN;
  return {
    run: async () => {
      const done = step(weights, velocity, running, image.ref, targets.ref, rate.ref);
      const [value, next, moved, after] = done as [np.Array, Arrays, Arrays, Arrays];
      [weights, velocity, running] = [next, moved, after];
      await blockUntilReady([value, next, moved, after]);
      last = Number((await value.data())[0]);
    },
    loss: () => last,
    release: async () => {},
  };
}
