/**
 * @file The weights that a mutation begins with: those of its parent, grown to its own graph, where a Net2Net edit leads there. The
 * growth is held to its certificate, so that the child computes what its trained parent did.
 */
import { growTo } from '../edit/grow/grow-to.ts';
import { verifyCertificate } from '../edit/index.ts';
import { Refusal } from '../errors.ts';
import type { Ready } from '../run/classify.ts';
import { type Net, unpack } from '../weights/index.ts';
import type { Space, Values } from './space.ts';
import type { Store } from './store.ts';

export interface Inherited {
  readonly ready: Ready;
  /** `parent`, or why it begins with fresh weights; undefined where nothing is inherited in this sweep. */
  readonly how?: string;
}

/** The run with the weights of its parent, where that is asked for and an exact edit leads there. */
export async function inherited(
  ready: Ready,
  {
    base: { sampler },
    parent,
  }: {
    readonly base: Pick<Space, 'sampler'>;
    readonly parent?: number;
    readonly values: Values;
  },
  store: Store,
): Promise<Inherited> {
  if (sampler.kind !== 'evolution' || !sampler.inherit) return { ready };
  if (parent === undefined) return { ready, how: 'fresh: it has no parent' };
  const net = await parentNet(parent, store);
  if (!net) return { ready, how: `fresh: trial ${parent} left no net` };
  const grown = grownTo(net, ready.student, ready.recipe.seed);
  if (typeof grown === 'string') return { ready, how: `fresh: ${grown}` };
  const last = ready.links.at(-1);
  if (!last) throw new Error('internal: a run without a student');
  const links = [...ready.links.slice(0, -1), { ...last, net: grown }];
  return { ready: { ...ready, student: grown, links }, how: 'parent' };
}

async function parentNet(trial: number, store: Store): Promise<Net | undefined> {
  const [graphJson, weights] = [
    await store.get(`trials/${trial}/graph.json`),
    await store.get(`trials/${trial}/weights.safetensors`),
  ];
  if (!graphJson || !weights) return undefined;
  return unpack({ graphJson: new TextDecoder().decode(graphJson), weights }, `trials/${trial}`);
}

/** The parent's net as the child's graph, or why it cannot be. */
function grownTo(parent: Net, child: Net, seed: number): Net | string {
  try {
    const { net, maps } = growTo(parent, child.graph, { seed });
    const [finding] = verifyCertificate(parent, net, maps);
    return finding === undefined ? net : `the certificate does not hold (${finding})`;
  } catch (e) {
    if (e instanceof Refusal) return e.message;
    throw e;
  }
}
