/** @file Nets of one's own in folders: graph.json, weights.safetensors, and card.json where something is known of them. */
import { replaceFiles } from '../src/files/index.ts';
import type { Net } from '../src/weights/index.ts';
import { filesOf } from './net-files.ts';
import { type LoadOptions, loadStudent } from './students.ts';

/**
 * Saves a net in a folder, which is made if it is missing: graph.json, weights.safetensors and, with a card, card.json. All files
 * appear, or none; files of these names are replaced, others stay.
 *
 * @throws MoonletError when the folder cannot be written.
 * @example
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { graph, init, input } from 'moonlet';
 * import { loadNet, saveNet } from 'moonlet/zoo';
 *
 * const folder = mkdtempSync(join(tmpdir(), 'net-'));
 * saveNet(folder, init(graph('line', input(3).dense(2)), { seed: 1 }));
 * console.log(loadNet(folder).graph.name); // line
 */
export const saveNet = (folder: string, net: Net, card?: object): void =>
  replaceFiles(folder, filesOf(net, card));

/**
 * The net of a folder that `saveNet` or a command wrote, or of a shipped student by its name.
 *
 * @throws UsageError when there is none, MoonletError when the files are damaged or are not those that the card names.
 */
export const loadNet = (folder: string, options: LoadOptions = {}): Net => loadStudent(folder, options);
