/**
 * @file Writes the tables of docs/microcontrollers.md: SRAM by three schedules and flash of nets that people run on microcontrollers, and
 * those of MCUNet's nets beside the figures of their authors.
 *
 *   npm run docs -- microcontrollers
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cost, mcuReport } from '../../src/read/index.ts';
import { architectures, compose } from '../../zoo/architectures/index.ts';
import { marks, remarked, table } from '../lib/markdown.ts';

const nets = [
  ...['ds-cnn', 'mobilenet-v1-vww', 'resnet-8', 'autoencoder'],
  ...['mobilenet-v2', 'mobilenet-v2 width=0.35 size=96', 'mobilenet-v3-small', 'mobilenet-v4-conv-small'],
  ...[...architectures.keys()].filter((name) => name.startsWith('mcunet-')),
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
/** As the authors of MCUNet measured them, in kB. */
interface Published {
  readonly net: string;
  readonly megaMacs: number;
  readonly megaParams: number;
  readonly sramKb: number;
  readonly flashKb: number;
}
const { published } = JSON.parse(readFileSync('test/zoo/reference/mcunet.json', 'utf8')) as {
  readonly published: readonly Published[];
};
const thousands = (bytes: number): string => (bytes / 1000).toFixed(1);
const beside = published.map(({ net, megaMacs, megaParams, sramKb, flashKb }) => {
  const { plain, inPlace, patches, flash, macs } = mcuReport(compose(net));
  const { params } = cost(compose(net));
  return [
    ...[
      `\`${net}\``,
      `${(macs / 1e6).toFixed(3)}`,
      megaMacs.toFixed(1),
      `${(params / 1e6).toFixed(3)}`,
      megaParams.toFixed(2),
    ],
    ...[thousands(plain.int8), thousands(inPlace.int8), patches ? thousands(patches.int8) : '', `${sramKb}`],
    ...[thousands(flash.int8), `${flashKb}`],
  ];
});
const figures = [
  ...['net', 'million multiply-adds', 'published', 'million parameters', 'published'],
  ...['SRAM layer by layer, kB', 'in place', 'patches', 'measured', 'flash int8, kB', 'measured'],
];
const writer = 'npm run docs -- microcontrollers';
const pages = [
  ['table', table([head, ...rows], [0, 4])],
  ['mcunet', table([figures, ...beside])],
] as const;
const text = pages.reduce(
  (old, [what, content]) => remarked(old, marks(writer, what), content),
  readFileSync(page, 'utf8'),
);
writeFileSync(page, text);
console.log(`${page}: written`);
