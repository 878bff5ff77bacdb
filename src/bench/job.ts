/** @file A case as files that every worker reads: graphs, weights, one batch. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { classesOf, type Graph, inputShape, sizeOf } from '../graph/index.ts';
import { stagePairs } from '../learn/loss/index.ts';
import { random } from '../random.ts';
import { init, pack } from '../weights/index.ts';
import type { Case } from './cases.ts';
import type { Job } from './types.ts';

/** Small enough that no net diverges in a run. */
const rate = 1e-3;

/** Write a case into a temporary folder. Remove it by `removeJob`. */
export function writeJob(one: Omit<Case, 'name'> & { readonly name: string }, quick: boolean): string {
  const folder = mkdtempSync(join(tmpdir(), 'moonlet-bench-'));
  const { name, kind, batch, graph, teacher } = one;
  const job: Job = {
    case: name,
    kind,
    batch,
    rate,
    pairs: teacher ? comparedMaps(graph, teacher) : [],
    quick,
  };
  const write = (file: string, content: string | Uint8Array): void =>
    writeFileSync(join(folder, file), content);
  write('job.json', JSON.stringify(job));
  writeNet(write, 'net', graph);
  if (teacher) writeNet(write, 'teacher', teacher);
  const source = random('bench', name);
  const x = Float32Array.from({ length: batch * sizeOf(inputShape(graph)) }, source.normal);
  const labels = Int32Array.from({ length: batch }, (_, i) => (3 * i) % classesOf(graph));
  write('x.bin', new Uint8Array(x.buffer));
  write('labels.bin', new Uint8Array(labels.buffer));
  return folder;
}

export const removeJob = (folder: string): void => rmSync(folder, { recursive: true, force: true });

function writeNet(write: (file: string, content: string | Uint8Array) => void, name: string, graph: Graph) {
  const { graphJson, weights } = pack(init(graph, { seed: 1 }));
  write(`${name}.json`, graphJson);
  write(`${name}.safetensors`, weights);
}

/** The nodes that our loss of attention transfer compares, so that the peers compare the same. */
export const comparedMaps = (student: Graph, teacher: Graph): Job['pairs'] =>
  stagePairs(student, teacher, 'attention').map((pair) => [pair.student.id, pair.teacher.id] as const);
