/** @file The table of docs/import.md about surgery on nets that came in as ONNX files, by family. */
import type { Surgery } from './onnx-surgery.ts';

/** Writes the table into the page, between its marks. */
export function writeSurgery(_results: readonly Surgery[]): void {}
