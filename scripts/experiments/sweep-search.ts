/**
 * @file The real searches of scripts/sweeps, one after another: students of Fashion-MNIST under 60,000 parameters and of MNIST under
 * 10,000, by TPE and at random, and growth with inherited weights against fresh ones with three seeds. `npm run experiment --
 * sweep-search` takes about two hours on 2 cores, goes on after an interruption, and writes the tables of docs/sweeps.md with `--write`.
 * `--quick` tries all of it in minutes, for nothing but to see that it works. Seeds are 0, and 0 to 2 for growth.
 *
 * The best candidate of each search is trained anew for `--final` times as many steps, with new views of the images in each epoch, and
 * measured once on the test split.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { note, percent, print } from '../../src/cli/say.ts';
import { loadDataset } from '../../src/data/index.ts';
import { compiled, type Running, start } from '../lib/sweep-processes.ts';
import { type Finished, growthTable, type Seeded, searchTable } from '../lib/sweep-tables.ts';
import { marks, remarked } from '../lib/markdown.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'out/sweep-search' },
    final: { type: 'string', default: '3' },
    seeds: { type: 'string', default: '3' },
    slots: { type: 'string', default: '2' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const out = values.quick ? join(values.out, 'quick') : values.out;

const reportShape = z.object({
  store: z.string(),
  counts: z.object({ trials: z.number(), done: z.number(), failed: z.number() }),
  rows: z.array(
    z.object({
      trial: z.number(),
      state: z.string(),
      seconds: z.number(),
      inherited: z.string().optional(),
      measures: z.object({
        accuracy: z.number().optional(),
        params: z.number().optional(),
        macs: z.number().optional(),
      }),
    }),
  ),
});
type Report = z.output<typeof reportShape>;

const spaceShape = z.looseObject({
  recipe: z.looseObject({ data: z.string(), steps: z.number(), validation: z.number() }),
  limits: z.object({ params: z.number() }),
});

/** The space of a search; a copy with tiny budgets for `--quick`. */
function spaceFile(name: string): string {
  const file = `scripts/sweeps/${name}.json`;
  if (!values.quick) return file;
  const space = spaceShape.parse(JSON.parse(readFileSync(file, 'utf8')));
  const { augment: _, ...recipe } = space.recipe;
  const tiny = {
    ...{ ...space, trials: 3, parallel: 2, hours: 0.1 },
    recipe: { ...recipe, steps: 12, limit: 640, validation: 128, ...('views' in recipe ? { views: 1 } : {}) },
    ...('stopEarly' in space ? { stopEarly: { kind: 'asha', first: 6, factor: 2 } } : {}),
    ...('sampler' in space && name.startsWith('growing')
      ? { sampler: { ...Object(space['sampler']), population: 2, sample: 1 } }
      : {}),
  };
  const copy = join(out, `${name}.json`);
  writeFileSync(copy, JSON.stringify(tiny));
  return copy;
}
const limitsOf = (name: string): { readonly data: string; readonly params: number } => {
  const { recipe, limits } = spaceShape.parse(
    JSON.parse(readFileSync(`scripts/sweeps/${name}.json`, 'utf8')),
  );
  return { data: recipe.data, params: limits.params };
};

/** The commands that run; they save what they have when they are told to stop. */
const current = new Set<Running>();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () =>
    current.size ? current.forEach((r) => void r.child.kill('SIGTERM')) : process.exit(130),
  );

/** Runs a command to its end and returns the JSON that it prints. Ends this process when it fails or is interrupted. */
async function ran(main: string, words: readonly string[]): Promise<unknown> {
  note(`moonlet ${words.join(' ')}`);
  const running = start(main, words, {}, 'shown');
  current.add(running);
  const { code } = await running.ended;
  current.delete(running);
  if (code !== 0) {
    note(`moonlet ${words[0]} ended with ${code}; the same command goes on`);
    await Promise.all([...current].map((r) => r.ended)); // they save what they have
    process.exit(code ?? 130);
  }
  return JSON.parse(running.said());
}

/** What a file holds; made once and written when it is whole. */
async function once<T>(file: string, shape: z.ZodType<T>, make: () => Promise<unknown>): Promise<T> {
  if (!existsSync(file)) {
    const made = shape.parse(await make());
    writeFileSync(file, JSON.stringify(made));
    return made;
  }
  return shape.parse(JSON.parse(readFileSync(file, 'utf8')));
}

async function searched(
  main: string,
  space: string,
  name: string,
  flags: readonly string[],
): Promise<Report> {
  const folder = join(out, name);
  mkdirSync(folder, { recursive: true });
  return once(join(folder, 'report.json'), reportShape, () =>
    ran(main, ['sweep', spaceFile(space), '--out', folder, '--slots', values.slots, '--json', ...flags]),
  );
}

const done = ({ rows }: Report): readonly Report['rows'][number][] =>
  rows.filter((r) => r.state === 'done' && r.measures.accuracy !== undefined);
const best = (report: Report): Report['rows'][number] | undefined =>
  done(report).reduce<Report['rows'][number] | undefined>(
    (a, b) => (a && (a.measures.accuracy ?? 0) >= (b.measures.accuracy ?? 0) ? a : b),
    undefined,
  );
const hours = ({ rows }: Report): number => rows.reduce((sum, r) => sum + r.seconds, 0) / 3600;

const recipeShape = z.looseObject({
  student: z.string(),
  teacher: z.string().optional(),
  block: z.string().optional(),
  steps: z.number(),
  views: z.unknown().optional(),
});
const evalShape = z.object({ accuracy: z.number(), n: z.number(), params: z.number() });

/** A search, and the recipe by which its winner is trained for longer. */
interface Searched {
  readonly space: string;
  readonly sampler: string;
  readonly report: Report;
  readonly winner: Report['rows'][number];
  /** The recipe's file, and what it says. */
  readonly file: string;
  readonly recipe: z.output<typeof recipeShape>;
}

async function searchedBy(main: string, space: string, sampler: string): Promise<Searched> {
  const name = `${space}-${sampler}`;
  const report = await searched(main, space, name, ['--sampler', sampler]);
  const winner = best(report);
  if (!winner) throw new Error(`${name}: no trial was trained to its end`);
  // a final training that has begun keeps its steps, whatever --final is now
  const file = join(out, name, 'final.json');
  if (!existsSync(file)) {
    const place = join(report.store, 'trials', String(winner.trial), 'recipe.json');
    const { views: _, ...recipe } = recipeShape.parse(JSON.parse(readFileSync(place, 'utf8')));
    const steps = Math.round(recipe.steps * Number(values.final));
    writeFileSync(file, JSON.stringify({ ...recipe, steps }));
  }
  const recipe = recipeShape.parse(JSON.parse(readFileSync(file, 'utf8')));
  return { space, sampler, report, winner, file, recipe };
}

/** Winners, trained for longer and measured once; side by side on one thread each, and one recipe once. */
async function finals(main: string, found: readonly Searched[]): Promise<readonly Finished[]> {
  const runs = new Map(found.map((f) => [JSON.stringify(f.recipe), f]));
  const threads = String(runs.size > 1 ? 1 : 2);
  const tests = new Map<string, Promise<z.output<typeof evalShape>>>();
  for (const [key, { space, sampler, file }] of runs) {
    const folder = join(out, `${space}-${sampler}`);
    const net = join(folder, 'final');
    tests.set(
      key,
      once(join(folder, 'test.json'), evalShape, async () => {
        if (!existsSync(join(net, 'weights.safetensors')))
          await ran(main, ['fit', file, '--out', net, '--threads', threads, '--json']);
        return ran(main, ['eval', net, '--data', limitsOf(space).data, '--json']);
      }),
    );
  }
  return Promise.all(
    found.map(async ({ space, sampler, report, winner, recipe }) => {
      const test = await tests.get(JSON.stringify(recipe));
      const { data, params } = limitsOf(space);
      return {
        ...{ data, limit: params, sampler, hours: hours(report), steps: recipe.steps },
        trials: report.counts.trials,
        whole: done(report).length,
        student: [recipe.student, ...(recipe.block === undefined ? [] : [recipe.block])].join(', '),
        ...(recipe.teacher === undefined ? {} : { teacher: recipe.teacher }),
        params: winner.measures.params ?? Number.NaN,
        macs: winner.measures.macs ?? Number.NaN,
        heldOut: winner.measures.accuracy ?? Number.NaN,
        test: test?.accuracy ?? Number.NaN,
        n: test?.n ?? 0,
      };
    }),
  );
}

async function growth(main: string): Promise<readonly Seeded[]> {
  const found: Seeded[] = [];
  for (let seed = 0; seed < Number(values.seeds); seed++) {
    const of = (space: string) => searched(main, space, `${space}-${seed}`, ['--seed', String(seed)]);
    const [inherited, fresh] = [await of('growing'), await of('growing-fresh')];
    found.push({
      seed,
      trials: inherited.counts.trials,
      grown: inherited.rows.filter((r) => r.inherited === 'parent').length,
      hours: [hours(inherited), hours(fresh)],
      inherited: best(inherited)?.measures.accuracy ?? Number.NaN,
      fresh: best(fresh)?.measures.accuracy ?? Number.NaN,
    });
  }
  return found;
}

mkdirSync(out, { recursive: true });
await loadDataset('fashion-mnist', { source: 'published' }); // refuses anything else, and says how to get it
const main = await compiled(join('out', 'sweep-search-compiled'));
const searches: Finished[] = [];
for (const space of ['mnist-10k', 'fashion-60k']) {
  const found: Searched[] = [];
  for (const sampler of ['tpe', 'random']) found.push(await searchedBy(main, space, sampler));
  searches.push(...(await finals(main, found)));
}
for (const f of searches)
  note(
    `${f.data}, at most ${f.limit}, ${f.sampler}: held-out ${percent(f.heldOut)}, test ${percent(f.test)}`,
  );
const text = [searchTable(searches), growthTable(await growth(main))].join('\n\n');
print(text);
if (values.write && values.quick) note('--quick writes no tables');
else if (values.write) {
  const page = 'docs/sweeps.md';
  const marksOf = marks('npm run experiment -- sweep-search --write', 'searches');
  writeFileSync(page, remarked(readFileSync(page, 'utf8'), marksOf, text));
}
rmSync(join('out', 'sweep-search-compiled'), { recursive: true, force: true });
