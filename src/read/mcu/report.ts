/** @file What a net needs on a microcontroller: SRAM for its values, by three schedules, and flash for its weights. */
import { MoonletError, UsageError } from '../../errors.ts';
import type { Graph, Kind, Shape } from '../../graph/index.ts';
import { bestPlan, endsOf, type Plan } from './patches.ts';
import { aliveValues, peakOf } from './schedule.ts';
import { type Flash, flashOf, type Unit, unitsOf } from './units.ts';

export interface McuOptions {
  /** Rows and columns of patches; by default, of 2 to 8, the number that needs the least SRAM with at most a quarter more multiply-adds. */
  readonly patches?: number;
  /** The path of the last layer that runs by patches; by default the one that is best. */
  readonly until?: string;
  /** Whether the whole input is in SRAM while patches run. By default only the part that a patch reads is. */
  readonly holdInput?: boolean;
  /** Bytes of SRAM, in int8: of the patches that keep to it, those with the fewest multiply-adds are chosen. */
  readonly sram?: number;
}

/** Bytes of values, with 4 and with 1 byte a number. */
export interface Sram {
  readonly fp32: number;
  readonly int8: number;
}
export interface McuSchedule extends Sram {
  /** The path of the first layer at which it is so much. */
  readonly layer: string;
}
export interface McuPatches extends McuSchedule {
  /** So many rows and columns of patches. */
  readonly grid: number;
  /** The path of the last layer that runs by patches. */
  readonly until: string;
  /** Rows and columns of the largest patch of the input. */
  readonly patch: readonly [number, number];
  /** Multiply-adds in all, and how many more these are than layer by layer, since patches overlap. */
  readonly macs: number;
  readonly extra: number;
}
export interface McuLayer {
  /** The path of the node with the kernel; norms and activations behind it belong to the layer. */
  readonly id: string;
  readonly kind: Kind;
  readonly nodes: readonly string[];
  readonly shape: Shape;
  readonly macs: number;
  readonly flash: Flash;
  /** Bytes alive in int8 while the layer computes, by schedule; in fp32 four times as many. */
  readonly plain: number;
  readonly inPlace: number;
  readonly patches?: number;
}
export interface McuReport {
  readonly name: string;
  readonly macs: number;
  readonly flash: Flash;
  /** Layer by layer, each with an output of its own. */
  readonly plain: McuSchedule;
  /** The same; depthwise convs write over their input. */
  readonly inPlace: McuSchedule;
  /**
   * The first layers patch by patch, the rest in place. Missing when no layer can, and when none that was not asked for needs less than
   * in place.
   */
  readonly patches?: McuPatches;
  readonly layers: readonly McuLayer[];
}

/**
 * What a net needs on a microcontroller: the peak of SRAM by three schedules, and flash, each in float32 and in int8. Norms are folded
 * into the convs before them, activations are applied where values are written. SRAM is the sum of the tensors that are alive, without
 * buffers of kernels, alignment, and the code.
 *
 * In place: Lin et al. 2020 (MCUNet, arXiv:2007.10319). Patches: Lin et al. 2021 (MCUNetV2, arXiv:2110.15352).
 *
 * @throws UsageError for a number of patches that is none, or a path at which patches cannot end.
 * @example
 * import { mcuReport } from 'moonlet';
 * import { mobilenetV2 } from 'moonlet/architectures';
 *
 * const { plain, inPlace, patches, flash } = mcuReport(mobilenetV2(), { patches: 4 });
 * plain.int8; // 1505280
 * inPlace.int8 / 1024; // 1372
 * patches?.int8; // 176400
 * flash.int8; // 3614728
 */
export function mcuReport(graph: Graph, options: McuOptions = {}): McuReport {
  if (!Array.isArray(graph.nodes))
    throw new UsageError('mcuReport: expects a graph, got something else; the graph of a net is net.graph');
  const units = unitsOf(graph);
  const alive = aliveValues(units);
  const { patches: grid, until, holdInput = false, sram: budget } = options;
  if (grid !== undefined && (!Number.isInteger(grid) || grid < 1 || grid > 64))
    throw new UsageError(`patches: ${grid} is not a whole number from 1 to 64`);
  const end = until === undefined ? undefined : endAt(units, until);
  const plan = bestPlan(units, alive, {
    holdInput,
    ...(grid === undefined ? {} : { grid }),
    ...(end === undefined ? {} : { end }),
    ...(budget === undefined ? {} : { budget }),
  });
  const isChosen = grid !== undefined || end !== undefined;
  const helps = plan && (isChosen || plan.peak < peakOf(alive.inPlace).most);
  const macs = units.reduce((n, u) => n + u.macs, 0);
  const flash = flashOfUnits(units);
  const found: McuReport = {
    name: graph.name,
    macs,
    flash,
    plain: scheduleOf(units, alive.plain),
    inPlace: scheduleOf(units, alive.inPlace),
    ...(helps ? { patches: patchesOf(units, plan, macs) } : {}),
    layers: units.map((unit, i) =>
      layerOf(unit, alive.plain[i]!, alive.inPlace[i]!, helps ? plan.alive[i] : undefined),
    ),
  };
  if (!Number.isSafeInteger(found.plain.fp32) || !Number.isSafeInteger(flash.fp32))
    throw new MoonletError(`${graph.name}: bytes pass 2^53; choose a smaller net`);
  return found;
}

export const mcuSchedules = ['plain', 'in-place', 'patches'] as const;
/** What a limit of a search looks at: how many bytes a number has, and by which schedule layers run. */
export interface McuFigureOptions {
  readonly numbers: 'int8' | 'fp32';
  readonly schedule: (typeof mcuSchedules)[number];
}

/** SRAM and flash alone: of a report the two numbers that limits of searches ask for. Patches take the longest by far. */
export function mcuFigures(
  graph: Graph,
  { numbers, schedule }: McuFigureOptions,
): { readonly sram: number; readonly flash: number } {
  const units = unitsOf(graph);
  const alive = aliveValues(units);
  let values = peakOf(schedule === 'plain' ? alive.plain : alive.inPlace).most;
  if (schedule === 'patches')
    values = Math.min(values, bestPlan(units, alive, { holdInput: false })?.peak ?? values);
  return { sram: bytesOf(values)[numbers], flash: flashOfUnits(units)[numbers] };
}

const bytesOf = (values: number): Sram => ({ fp32: 4 * values, int8: values });

function flashOfUnits(units: readonly Unit[]): Flash {
  let [fp32, int8] = [0, 0];
  for (const unit of units) {
    const one = flashOf(unit);
    fp32 += one.fp32;
    int8 += one.int8;
  }
  return { fp32, int8 };
}

function scheduleOf(units: readonly Unit[], alive: readonly number[]): McuSchedule {
  const { most, at } = peakOf(alive);
  return { ...bytesOf(most), layer: units[at]?.head.id ?? '' };
}

function patchesOf(units: readonly Unit[], plan: Plan, macs: number): McuPatches {
  const { grid, end, patch } = plan;
  return {
    ...scheduleOf(units, plan.alive),
    grid,
    until: units[end]?.head.id ?? '',
    patch,
    macs: plan.macs,
    extra: plan.macs - macs,
  };
}

function layerOf(unit: Unit, plain: number, inPlace: number, patches: number | undefined): McuLayer {
  const { head, nodes, shape, macs } = unit;
  return {
    id: head.id,
    kind: head.op.kind,
    nodes: nodes.map((n) => n.id),
    shape,
    macs,
    flash: flashOf(unit),
    plain,
    inPlace,
    ...(patches === undefined ? {} : { patches }),
  };
}

/** The layer of this path. @throws UsageError when there is none, or patches cannot end there. */
function endAt(units: readonly Unit[], until: string): number {
  const at = units.findIndex(({ nodes }) => nodes.some((n) => n.id === until));
  const ends = endsOf(units);
  if (ends.includes(at)) return at;
  const names = ends.map((i) => units[i]?.head.id).slice(0, 8);
  const remedy = names.length
    ? `; they can at ${names.join(', ')}`
    : '; no layer of this net can run by patches';
  throw new UsageError(
    at < 0
      ? `until: no layer "${until}"${remedy}`
      : `until: patches cannot end at "${until}", since later layers read earlier values, or layers up to it need whole maps${remedy}`,
  );
}
