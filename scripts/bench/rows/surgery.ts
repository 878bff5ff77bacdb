/** @file Pruning and widening MobileNetV2, with certificates, compared with Torch-Pruning's pruning of the same net. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { python } from '../../../src/bench/children.ts';
import { init, pack } from '../../../src/weights/index.ts';
import { compose } from '../../../zoo/index.ts';
import { answerOf, type Figure, type Plan, peerFile, program, type RowKind } from './figure.ts';

interface Ours {
  readonly prune: number;
  readonly pruneCertificate: number;
  readonly widen: number;
  readonly widenCertificate: number;
  readonly params: number;
}
interface Theirs {
  readonly ms: number;
  readonly params: number;
  readonly version: string;
}

export const surgery: RowKind = {
  title: 'Surgery',
  about:
    'MobileNetV2 at 224: 30 % of the channels of every layer removed by the norm of their filters, every stage widened by 1.5, and a certificate of each; medians of warm repetitions within a process, one process a round. Torch-Pruning prunes the same net (its dependency graph included), and has no certificate and no widening. MOONLET_PRUNING_PYTHON names the Python that has torch and torch-pruning; by default it is that of MOONLET_PYTHON.',
  measure,
};

async function measure({ rounds, quick, say }: Plan): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'moonlet-surgery-'));
  try {
    const { graphJson, weights } = pack(init(compose('mobilenet-v2'), { seed: 1 }));
    writeFileSync(join(folder, 'net.json'), graphJson);
    writeFileSync(join(folder, 'net.safetensors'), weights);
    const repetitions = quick ? '1' : '5';
    const [ours, theirs]: [Ours[], Theirs[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      ours.push(await answerOf<Ours>(process.execPath, program('surgery-job', folder, repetitions)));
      theirs.push(
        await answerOf<Theirs>(process.env['MOONLET_PRUNING_PYTHON'] ?? python(), [
          ...[peerFile('surgery'), folder, repetitions],
        ]),
      );
      say(`surgery, round ${round + 1}: ${JSON.stringify(ours.at(-1))}, ${JSON.stringify(theirs.at(-1))}`);
    }
    return figures(ours, theirs);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function figures(ours: readonly Ours[], theirs: readonly Theirs[]): readonly Figure[] {
  const peer = { name: `Torch-Pruning ${theirs[0]?.version}`, values: theirs.map((t) => t.ms) };
  const params = `parameters left: ${ours[0]?.params.toLocaleString('en-US')}, Torch-Pruning ${theirs[0]?.params.toLocaleString('en-US')}`;
  const line = (what: string, of: (o: Ours) => number): Figure => ({
    ...{ what, unit: 'ms', ours: ours.map(of), peer },
  });
  return [
    { ...line('pruning', (o) => o.prune), note: params },
    line('pruning and certificate', (o) => o.prune + o.pruneCertificate),
    line('widening and certificate', (o) => o.widen + o.widenCertificate),
    {
      ...line('pruning, widening, both certificates', (o) =>
        [o.prune, o.pruneCertificate, o.widen, o.widenCertificate].reduce((sum, ms) => sum + ms, 0),
      ),
      goal: 0.25,
    },
  ];
}
