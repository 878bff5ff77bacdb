/**
 * @file Writes the table of docs/microcontrollers.md: SRAM by three schedules and flash of nets that people run on microcontrollers.
 *
 *   npm run docs -- microcontrollers
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { mcuReport } from '../../src/read/index.ts';
import { compose } from '../../zoo/architectures/index.ts';
import { marks, remarked, table } from '../lib/markdown.ts';

const nets = [
  ...['ds-cnn', 'mobilenet-v1-vww', 'resnet-8', 'autoencoder'],
  ...['mobilenet-v2', 'mobilenet-v2 width=0.35 size=96', 'mobilenet-v3-small', 'mobilenet-v4-conv-small'],
];
const page = 'docs/microcontrollers.md';
const kib = (bytes: number): string => (bytes / 1024).toFixed(1);
const rows = nets.flatMap((name) => {
  const { plain, inPlace, patches, flash, macs } = mcuReport(compose(name));
  const by = patches
    ? [
        `${kib(patches.int8)}`,
        `${patches.grid}x${patches.grid} to \`${patches.until}\``,
        `${((100 * patches.extra) / macs).toFixed(1)} %`,
      ]
    : ['', '', ''];
  return [[`\`${name}\``, kib(plain.int8), kib(inPlace.int8), ...by, kib(flash.int8), kib(flash.fp32)]];
});
const head = [
  'net',
  'layer by layer',
  'in place',
  'patches',
  'which',
  'more multiply-adds',
  'flash int8',
  'flash fp32',
];
const text = remarked(
  readFileSync(page, 'utf8'),
  marks('npm run docs -- microcontrollers'),
  table([head, ...rows], [0, 4]),
);
writeFileSync(page, text);
console.log(`${page}: written`);
