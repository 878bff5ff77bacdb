/** @file The worker that runs nets: shipped ones by name, composed ones for their latency, and those that somebody brings. */

import { compose } from '../../../zoo/architectures/index.ts';
import { type Card, fetchNet } from '../../../zoo/web.ts';
import type { Preparation } from '../../data/images/index.ts';
import { latency } from '../../engine/index.ts';
import { cheapen, foldNorms, type Graph, init } from '../../index.ts';
import type { Brought, Form, Format } from './own.ts';
import { nets } from './places.ts';
import { serve } from './rpc.ts';
import { type Look, type Running, running } from './running.ts';
import { useThreads } from './threads.ts';

const ready = useThreads(1); // what is shown as latency is that of one thread

ready.catch(() => {}); // what needs the runtime says what is wrong; what does not goes on

const files = () => import('./own.ts');
const own = async () => {
  await ready;
  return files();
};

const opened = new Map<string, Promise<{ readonly running: Running; readonly card: Card }>>();

/** A shipped net, ready to run. */
function open(id: string) {
  const before = opened.get(id);
  if (before) return before;
  const made = fetchNet(id, { from: nets }).then(async ({ net, card }) => {
    await ready;
    return { running: await running(net), card };
  });
  opened.set(id, made);
  made.catch(() => opened.delete(id));
  return made;
}

const methods = {
  /** Median milliseconds of a composed net with random weights, whose norms are folded. */
  async latency(words: string, block: string | undefined): Promise<number> {
    await ready;
    const graph = compose(words);
    const net = init(block ? cheapen(graph, block) : graph, { seed: 1 });
    return latency(foldNorms(net), { runs: 11, threads: 1 });
  },
  async open(id: string): Promise<{ readonly graph: Graph; readonly card: Card }> {
    const { running: found, card } = await open(id);
    return { graph: found.graph, card };
  },
  /** What a shipped net makes of an image, given as its input. */
  async look(id: string, x: Float32Array): Promise<Look> {
    return (await open(id)).running.look(x);
  },
  // what somebody brings loads readers and writers of files, which the other views do not need
  openOwn: async (brought: Brought, card?: string) => (await files()).openOwn(brought, card),
  classifyOwn: async (form: Form, files: readonly Blob[], how: Preparation) =>
    (await own()).classifyOwn(form, files, how),
  quantizeOwn: async () => (await own()).quantizeOwn(),
  latencyOwn: async (form: Form) => (await own()).latencyOwn(form),
  writeOwn: async (form: Form, format: Format) => (await files()).writeOwn(form, format),
};
export type NetMethods = typeof methods;
serve(methods);
