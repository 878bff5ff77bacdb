/** @file `moonlet cost --mcu`: SRAM and flash on a microcontroller. */
import { type Graph, nodesById, printOp, printShape } from '../graph/index.ts';
import { type McuReport, type McuSchedule, mcuReport, parseSize } from '../read/mcu/index.ts';
import { wholeFlag } from './numbers.ts';
import { count, percent, print, printJson } from './say.ts';
import { tableOf } from './tables.ts';

export interface McuFlags {
  readonly patches?: string;
  readonly until?: string;
  readonly holdInput?: boolean;
  readonly sram?: string;
}

export function printMcu(graph: Graph, flags: McuFlags, { layers = false, json = false }): void {
  const { patches, until, holdInput, sram } = flags;
  const report = mcuReport(graph, {
    ...(patches === undefined ? {} : { patches: wholeFlag('patches', patches, { min: 1, max: 64 }) }),
    ...(until === undefined ? {} : { until }),
    ...(holdInput ? { holdInput } : {}),
    ...(sram === undefined ? {} : { sram: parseSize(sram) }),
  });
  if (json) return printJson(report);
  print([mcuText(report, sram), ...(layers ? [layersTable(graph, report)] : [])].join('\n\n'));
}

const kib = (bytes: number): string =>
  (bytes / 1024).toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

function mcuText(
  { name, macs, flash, plain, inPlace, patches }: McuReport,
  sram: string | undefined,
): string {
  const row = (what: string, s: McuSchedule): string[] => [what, kib(s.int8), kib(s.fp32), s.layer];
  const grid = patches && `${patches.grid}x${patches.grid}`;
  const table = tableOf(
    [
      ['KiB', 'int8', 'fp32', 'binding layer'],
      row('SRAM, layer by layer', plain),
      row('SRAM, in place', inPlace),
      ...(patches ? [row(`SRAM, ${grid} patches`, patches)] : []),
      ['flash', kib(flash.int8), kib(flash.fp32), ''],
    ],
    [1, 2],
  );
  const how = patches
    ? `patches: ${grid} up to ${patches.until}, each from at most ${patches.patch.join('x')} of the input; ` +
      `${count(patches.extra)} more multiply-adds (${percent(patches.extra / macs)}), since patches overlap`
    : 'patches: none that need less, with at most a quarter more multiply-adds; --patches N tries N x N';
  return [name, table, how, ...(sram === undefined ? [] : [fitText(sram, [plain, inPlace, patches])])].join(
    '\n',
  );
}

const names = ['layer by layer', 'in place', 'by patches'];
function fitText(sram: string, schedules: readonly (McuSchedule | undefined)[]): string {
  const budget = parseSize(sram);
  const fits = (by: 'int8' | 'fp32'): string =>
    names.find((_, i) => (schedules[i]?.[by] ?? Number.POSITIVE_INFINITY) <= budget) ?? 'does not fit';
  return `${sram}: int8 ${fits('int8')}, fp32 ${fits('fp32')}`;
}

const cell = (n: number): string => (n ? count(n) : '');
function layersTable(graph: Graph, { layers, plain, inPlace, patches }: McuReport): string {
  const byId = nodesById(graph);
  const binds = (id: string): string =>
    [
      ...(plain.layer === id ? ['layer by layer'] : []),
      ...(inPlace.layer === id ? ['in place'] : []),
      ...(patches?.layer === id ? ['patches'] : []),
    ].join(', ');
  const rows = layers.map((l) => {
    const node = byId.get(l.id);
    return [
      ...[l.id, node ? printOp(node.op) : l.kind, printShape(l.shape)],
      ...[cell(l.macs), count(l.flash.int8), count(l.plain), count(l.inPlace)],
      ...(patches ? [count(l.patches ?? 0)] : []),
      binds(l.id),
    ];
  });
  const head = [
    'path',
    'op',
    'output',
    'macs',
    'flash int8',
    'plain',
    'in place',
    ...(patches ? ['patches'] : []),
    'binds',
  ];
  return `bytes of int8\n${tableOf([head, ...rows], [3, 4, 5, 6, ...(patches ? [7] : [])])}`;
}
