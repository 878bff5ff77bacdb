/** @file The public names of `read/mcu`: what a net needs on a microcontroller. */
export {
  type McuFigureOptions,
  type McuLayer,
  type McuOptions,
  type McuPatches,
  type McuReport,
  type McuSchedule,
  mcuFigures,
  mcuReport,
  mcuSchedules,
  type Sram,
} from './report.ts';
export { parseSize } from './size.ts';
export type { Flash } from './units.ts';
