/**
 * @file What one processor is asked, in folders. The numbers are drawn once, where the command runs, so that every processor starts
 * from the same bytes.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Arrays } from '../../src/jit/index.ts';
import { packArrays, packTask, type Task, unpackArrays, unpackTask } from './task-files.ts';

export function writeTask(folder: string, task: Task): void {
  mkdirSync(folder, { recursive: true });
  for (const [file, content] of Object.entries(packTask(task))) writeFileSync(join(folder, file), content);
}

export const readTask = (folder: string): Promise<Task> => unpackTask((file) => readFile(join(folder, file)));

export const writeArrays = (file: string, arrays: Arrays): void => writeFileSync(file, packArrays(arrays));

export const readArrays = (file: string): Arrays => unpackArrays(readFileSync(file));
