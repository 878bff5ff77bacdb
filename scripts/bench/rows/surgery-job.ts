/** @file Moonlet's part of the surgery: `surgery-job.ts FOLDER REPETITIONS`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { median } from '../../../src/bench/numbers.ts';
import { grow, pruneChannels, verifyCertificate } from '../../../src/edit/index.ts';
import { stages } from '../../../src/graph/index.ts';
import { cost } from '../../../src/read/index.ts';
import { unpack } from '../../../src/weights/index.ts';
import { answer } from './figure.ts';

const [folder = '', repetitions = '5'] = process.argv.slice(2);
const net = unpack({
  graphJson: readFileSync(join(folder, 'net.json'), 'utf8'),
  weights: readFileSync(join(folder, 'net.safetensors')),
});
const wider = Object.fromEntries(stages(net.graph).map(({ name }) => [name, 'x1.5' as const]));
const times = new Map<string, number[]>();
let isWarm = false;
function timed<T>(what: string, work: () => T): T {
  const start = performance.now();
  const result = work();
  if (isWarm) times.set(what, [...(times.get(what) ?? []), performance.now() - start]);
  return result;
}
let params = 0;
for (let i = -2; i < Number(repetitions); i++) {
  isWarm = i >= 0;
  const pruned = timed('prune', () => pruneChannels(net, { ratio: 0.3 }, { roundTo: 1 }));
  const flaws = timed('pruneCertificate', () => verifyCertificate(pruned.masked(), pruned.net, pruned.maps));
  const grown = timed('widen', () => grow(net, [{ widen: wider }]));
  const others = timed('widenCertificate', () => verifyCertificate(net, grown.net, grown.maps));
  if (flaws.length + others.length) throw new Error(`the certificate has flaws: ${[...flaws, ...others][0]}`);
  params = cost(pruned.net.graph).params;
}
answer({ ...Object.fromEntries([...times].map(([what, list]) => [what, median(list)])), params });
