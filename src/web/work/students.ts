/** @file Students that the page trains: small enough for a browser, each a graph and the words that describe it. */

import { compose } from '../../../zoo/architectures/index.ts';
import { blocks, cheapen, type Graph, graph, input } from '../../index.ts';

export interface Student {
  readonly id: string;
  readonly name: string;
  make(): Graph;
}

/** Three convs and one dense layer: fast, and 98.5 % of MNIST's test images within two minutes. */
function pebble(): Graph {
  const conv = (out: number, stride: number) => blocks.convNormAct(out, { kernel: 3, stride });
  return graph(
    'pebble',
    input(28, 28, 1)
      .pipe('stem', conv(12, 2))
      .pipe('stage1', conv(24, 2))
      .pipe('stage2', conv(32, 1))
      .pipe('head', (x) => x.flatten().dense(10)),
  );
}
const wide = 'wrn depth=10 width=1 size=28 channels=1';

export const students: readonly Student[] = [
  { id: 'pebble', name: 'pebble: three convs', make: pebble },
  { id: 'lenet-5', name: 'LeNet-5', make: () => compose('lenet-5 size=28') },
  { id: 'wrn-bg4m', name: 'WRN-10-1 with BG(4,M)', make: () => cheapen(compose(wide), 'BG(4,M)') },
  { id: 'wrn-bg24', name: 'WRN-10-1 with BG(2,4)', make: () => cheapen(compose(wide), 'BG(2,4)') },
  { id: 'wrn-g4', name: 'WRN-10-1 with G(4)', make: () => cheapen(compose(wide), 'G(4)') },
];

/** @throws Error for an unknown id. */
export function studentGraph(id: string): Graph {
  const found = students.find((student) => student.id === id);
  if (!found) throw new Error(`no student "${id}"; known: ${students.map((s) => s.id).join(', ')}`);
  return found.make();
}
