/**
 * @file Rocket launching. Zhou et al., AAAI 2018, arXiv:1708.04106, equations 1 and 5 [158]: a light net and a booster on
 * shared low layers, trained together from scratch.
 *
 *   L = CE(l) + CE(z) + lambda |l - z|^2,  l the light net's logits, z the booster's
 *
 * lambda = 0.03, the square summed over classes and averaged over the batch. Gradient block: in the last term z is a
 * constant, so that the light net follows the booster and never holds it back. CE(l) is the loss `crossEntropy` beside
 * this one: `[crossEntropy(), rocket({ booster })]`.
 * Deviation: the authors' code shares convs and gives light net and booster norms of their own; here they share the value.
 */

import * as tf from '@tensorflow/tfjs-core';
import { MoonletError } from '../../errors.ts';
import { classesOf, type Graph, inputShape, type Node, nodesById, printShape } from '../../graph/index.ts';
import { logitsAt } from '../../read/index.ts';
import { crossEntropyOf } from '../loss/cross-entropy.ts';
import type { LossMaker } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { fromZero, settingsOf } from '../loss/settings.ts';
import { stopGradient } from '../loss/stop-gradient.ts';
import { tap } from '../loss/taps.ts';
import { rank2 } from '../tensors.ts';

export interface RocketOptions {
  /** The weight of the booster's cross-entropy and of the hint together; 1 by default. */
  readonly weight?: number | Schedule;
  /** The larger net, for the same images and classes. */
  readonly booster: Graph;
  /** The layer of both nets up to which they share weights; `stage1` by default. With `null` nothing is shared. */
  readonly share?: string | null;
  /** lambda; 0.03 by default. */
  readonly lambda?: number | Schedule;
}

/**
 * Rocket launching: a booster on shared low layers is trained along, and the net follows its logits (Zhou et al. 2018,
 * arXiv:1708.04106, equations 1 and 5). It needs no teacher; use it together with `crossEntropy`.
 * @throws MoonletError when the two nets have different numbers of classes, or cannot be joined there.
 */
export const rocket =
  ({ weight = 1, booster, share = 'stage1', lambda = 0.03 }: RocketOptions): LossMaker =>
  ({ student }) => {
    const settings = settingsOf({ lambda: [lambda, fromZero] });
    const [classes, theirs] = [classesOf(student), classesOf(booster)];
    if (classes !== theirs)
      throw new MoonletError(
        `rocket: the light net has ${classes} classes, the booster ${theirs}; the numbers must be equal`,
      );
    const light = logitsAt(student);
    const { nodes, output } = share === null ? whole(student, booster) : joined(student, booster, share);
    return {
      name: 'rocket',
      weight,
      constants: {},
      ...settings,
      student: [light, output],
      targets: ['labels'],
      softLabels: true,
      beside: nodes,
      notes: [
        `rocket: a booster of ${booster.name} ${share === null ? 'beside the student' : `from ${share} on`} (gone after training)`,
      ],
      compute: (at) => {
        const [l, z] = [rank2(at.student(light)), rank2(at.student(output))];
        const hint = tf.mul(hintOfRocket(l, z), at.setting('lambda'));
        return tf.add(crossEntropyOf(z, at.labelShares(classes), classes), hint);
      },
    };
  };

/** |l - z|^2 averaged over the batch; no gradient reaches z. */
export const hintOfRocket = (light: tf.Tensor2D, booster: tf.Tensor2D): tf.Scalar =>
  tf.div(tf.sum(tf.square(tf.sub(light, stopGradient(booster)))), light.shape[0]);

interface Joined {
  readonly nodes: readonly Node[];
  /** The booster's logits. */
  readonly output: string;
}

/** The booster on the student's input. */
function whole(student: Graph, booster: Graph): Joined {
  const inputOf = (g: Graph): string => g.nodes.find((n) => n.op.kind === 'input')?.id ?? '';
  const [a, b] = [inputShape(student), inputShape(booster)];
  if (printShape(a) !== printShape(b))
    throw new MoonletError(
      `rocket: the light net takes ${printShape(a)}, the booster ${printShape(b)}; they must agree`,
    );
  return attached(booster, inputOf(booster), inputOf(student), 'its input');
}

/** The booster from a place on, reading what the student has there. */
function joined(student: Graph, booster: Graph, share: string): Joined {
  const [mine, theirs] = [tap(student, share), tap(booster, share)];
  if (printShape(mine.shape) !== printShape(theirs.shape)) {
    throw new MoonletError(
      `rocket: at ${share} the light net has ${printShape(mine.shape)}, the booster ${printShape(theirs.shape)}; share a place where they agree`,
    );
  }
  return attached(booster, theirs.id, mine.id, share);
}

function attached(booster: Graph, from: string, to: string, share: string): Joined {
  const byId = nodesById(booster);
  const kept = new Set<string>();
  const output = logitsAt(booster);
  const todo = [output];
  for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
    if (id === from || kept.has(id)) continue;
    if (byId.get(id)?.op.kind === 'input')
      throw new MoonletError(
        `rocket: the booster ${booster.name} reads more than its ${share}; share another place`,
      );
    kept.add(id);
    todo.push(...(byId.get(id)?.inputs ?? []));
  }
  if (!kept.size)
    throw new MoonletError(`rocket: nothing of the booster lies behind ${share}; share an earlier place`);
  const name = (id: string): string => (id === from ? to : `booster/${id}`);
  const nodes = booster.nodes
    .filter((n) => kept.has(n.id))
    .map(({ weightsOf, ...n }) => ({
      ...n,
      id: name(n.id),
      inputs: n.inputs.map(name),
      ...(weightsOf === undefined ? {} : { weightsOf: name(weightsOf) }),
    }));
  return { nodes, output: name(output) };
}
