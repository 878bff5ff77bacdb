/**
 * @file The expected values of test/zoo/reference, made again by the reference implementations and compared
 * (`npm run references -- check`), or written (`npm run references -- check --write`). MOONLET_PYTHON names an interpreter that has
 * timm and torchvision; where there is none, that is said, and nothing is compared.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const python = process.env['MOONLET_PYTHON'] ?? 'python3';
const write = process.argv.includes('--write');
const folder = 'test/zoo/reference';
/** Versions of the packages differ in the last bits of a logit. */
const bound = 1e-6;

const run = (...args: string[]) => spawnSync(python, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });

const probe = run('-c', 'import timm, torchvision');
if (probe.status !== 0) {
  const why = probe.error ? `${python} does not run` : `${python} has no timm and torchvision`;
  console.log(`references: not checked, since ${why}; set MOONLET_PYTHON to one that has them`);
  process.exit(0);
}

const scratch = mkdtempSync(join(tmpdir(), 'references-'));
let differences = 0;
try {
  for (const name of ['counts', 'logits', 'imports']) {
    if (name === 'imports' && run('-c', 'import keras, pytorchcv').status !== 0) {
      console.log('test/import/reference.json: not checked, since Python has no keras and pytorchcv');
      continue;
    }
    const kept = name === 'imports' ? 'test/import/reference.json' : join(folder, `${name}.json`);
    const made = write ? kept : join(scratch, `${name}.json`);
    const { status, stderr } = run(`scripts/reference/${name}.py`, made);
    if (status !== 0) throw new Error(`scripts/reference/${name}.py failed:\n${stderr}`);
    if (write) {
      spawnSync(process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'format', '--write', kept]);
      console.log(`${kept}: written`);
    }
    if (!write) differences += compare(kept, made);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exitCode = differences ? 1 : 0;

type Row = Readonly<Record<string, unknown>> & { readonly net: string; readonly source?: string };
function titleOf({ net, source }: Row): string {
  return source === undefined ? net : `${source} ${net}`;
}

/** How many rows of the two files differ, each said. */
function compare(kept: string, made: string): number {
  const rows = (file: string): readonly Row[] =>
    Object.values(JSON.parse(readFileSync(file, 'utf8')) as Record<string, Row[]>)[0] ?? [];
  const [old, now] = [rows(kept), new Map(rows(made).map((row) => [titleOf(row), row]))];
  const wrong = old.filter((row) => {
    const other = now.get(titleOf(row));
    const keys = other
      ? Object.keys(row).filter((key) => key !== 'by' && !same(row[key], other[key]))
      : ['net'];
    if (keys.length) console.error(`${kept}: ${titleOf(row)}: ${keys.join(', ')} differ`);
    return keys.length > 0;
  });
  console.log(`${kept}: ${old.length - wrong.length} of ${old.length} are what the references give`);
  return wrong.length + Math.abs(now.size - old.length);
}

function same(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return JSON.stringify(a) === JSON.stringify(b);
  const [x, y] = [a.flat(), b.flat()] as [number[], number[]];
  const size = Math.max(...y.map(Math.abs));
  return x.length === y.length && x.every((v, i) => Math.abs(v - (y[i] as number)) <= bound * size);
}
