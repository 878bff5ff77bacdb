/** @file Nets of one's own in folders: graph.json, weights.safetensors, and card.json where something is known of them. */
import { type NewFile, replaceFiles } from '../src/files/index.ts';
import { type Net, pack } from '../src/weights/index.ts';
import { type LoadOptions, loadStudent } from './students.ts';

/** A value as a file that people read. */
export const jsonFile = (file: string, value: unknown): NewFile => ({
  file,
  content: `${JSON.stringify(value, null, 2)}\n`,
});

/** The files of a net; card.json too when there is a card. */
export function filesOf(net: Net, card?: object): readonly NewFile[] {
  const { graphJson, weights } = pack(net);
  return [
    ...(card ? [jsonFile('card.json', card)] : []),
    { file: 'weights.safetensors', content: weights },
    { file: 'graph.json', content: graphJson },
  ];
}

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
