/** @file The results as text for a terminal, and as docs/processors.md. */
import { table } from '../lib/markdown.ts';
import type { Processor } from './emulators.ts';
import type { Judgement } from './laws.ts';
import { type Machine, machineText } from './machine.ts';
import type { Kind } from './task-files.ts';

/** A case on a processor: held to its law, or ended by an error. */
export type Outcome = Judgement | { readonly isRight: false; readonly error: string };

export interface Column {
  readonly processor: Processor;
  /** Null without blocked convs; undefined when it was not run. */
  readonly block: number | null | undefined;
  /** By the name of the case; empty when it was not run. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
}
export interface Seen {
  readonly machine: Machine;
  /** ISO, the day. */
  readonly date: string;
  readonly versions: string;
  readonly cases: readonly { readonly name: string; readonly kind: Kind }[];
  readonly columns: readonly Column[];
}

export const blockText = (block: number | null | undefined): string =>
  block === undefined ? 'not run' : block === null ? 'no blocks' : `blocks of ${block}`;

/** Exit 0 takes that all was run that had to be, and that all of it was right. */
export const isAllRight = ({ columns, cases }: Seen): boolean =>
  columns.every(
    ({ processor, outcomes }) =>
      (!processor.isRequired && processor.missing !== undefined) ||
      cases.every(({ name }) => outcomes.get(name)?.isRight === true),
  );

const isRun = ({ processor }: Column): boolean => processor.missing === undefined;

/** What neither this machine nor an emulator showed. */
export function unseen({ machine, columns }: Seen): readonly string[] {
  const lacks = (name: string): boolean => machine.has[name] === false;
  return [
    ...(lacks('AVX-512')
      ? ['blocks of 16: this machine has no AVX-512, and QEMU does not emulate it; use a machine that has it']
      : []),
    ...(lacks('VNNI') ? ['integers with VNNI: this machine has no VNNI, and QEMU does not emulate it'] : []),
    ...columns.flatMap(({ processor }) =>
      processor.missing === undefined ? [] : [`${processor.name} (${processor.what}): ${processor.missing}`],
    ),
  ];
}

const title: Readonly<Record<Kind, string>> = {
  step: 'Training steps',
  infer: 'Inference',
  integers: 'Integer nets',
};
const law: Readonly<Record<Kind, string>> = {
  step:
    'One traced step on the processor is compared with the eager step: the norm of the difference between their updates of all weights, relative to the norm of the update. ' +
    'If a processor has blocked convs, the step must use them: falling back to plain convs counts as a failure.',
  infer:
    'The compiled net is compared with the eager one: the largest difference, as a share of the largest output.',
  integers:
    "The share of logits within one quantization step of the simulation, for the compiled net and for the exported file under onnxruntime's defaults. Each row is four nets with random weights, counted together, or a student on 200 real images.",
};

const cell = (outcome: Outcome | undefined): string => {
  if (!outcome) return 'not run';
  if ('error' in outcome) return '**FAILED** (error)';
  return `${outcome.isRight ? 'ok' : '**FAILED**'} ${outcome.difference}`;
};

export function failures({ columns, cases }: Seen): readonly string[] {
  return columns.filter(isRun).flatMap(({ processor, outcomes }) =>
    cases.flatMap(({ name }) => {
      const outcome = outcomes.get(name);
      if (outcome?.isRight) return [];
      const why = !outcome
        ? 'it was not run'
        : 'error' in outcome
          ? outcome.error
          : `${outcome.difference}; it must be ${outcome.bound}`;
      return [`${name} on ${processor.name}: ${why}`];
    }),
  );
}

/** docs/processors.md. */
export function pageText(seen: Seen): string {
  const { machine, date, versions, cases, columns } = seen;
  const ran = columns.filter(isRun);
  const bound = (name: string): string => {
    const found = ran.map(({ outcomes }) => outcomes.get(name)).find((o) => o && 'bound' in o);
    return found && 'bound' in found ? found.bound : '';
  };
  const section = (kind: Kind): string[] => {
    const rows = cases.filter((c) => c.kind === kind);
    const head = ['', 'must be', ...ran.map(({ processor }) => processor.name)];
    const cells = rows.map(({ name }) => [
      name,
      bound(name),
      ...ran.map(({ outcomes }) => cell(outcomes.get(name))),
    ]);
    return rows.length ? [`## ${title[kind]}`, law[kind], table([head, ...cells], [0, 1])] : [];
  };
  const wrong = failures(seen);
  const dark = unseen(seen);
  return [
    '# Processors',
    'Written by `npm run test:processors`; do not edit. The same tests run natively and, with unmodified builds of Node and onnxruntime, on processors that QEMU emulates. The expected values are computed once, by the eager backend, and compared with the results of each processor.',
    `**This machine: ${machineText(machine)}.** ${date}; ${versions}.`,
    table(
      [
        ['', 'description', 'run by', 'block size found'],
        ...columns.map(({ processor, block }) => [
          processor.name,
          processor.what,
          processor.how,
          blockText(block),
        ]),
      ],
      [0, 1, 2, 3],
    ),
    wrong.length ? `**${wrong.length} failed**, see below.` : 'All tests that were run passed.',
    ...section('step'),
    ...section('infer'),
    ...section('integers'),
    ...(wrong.length ? ['## Failures', wrong.map((line) => `- ${line}`).join('\n')] : []),
    ...(dark.length ? ['## Not tested here', dark.map((line) => `- ${line}`).join('\n')] : []),
    '',
  ].join('\n\n');
}
