/** @file The files of a net: graph.json, weights.safetensors, and card.json where there is a card. */
import type { NewFile } from '../src/files/index.ts';
import { type Net, pack } from '../src/weights/index.ts';

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
