/** @file Codes to begin with. */

export interface Example {
  readonly id: string;
  readonly name: string;
  readonly code: string;
}

export const examples: readonly Example[] = [
  {
    id: 'first',
    name: 'A first net',
    code: `import { blocks, graph, input, repeat } from 'moonlet';

const { convNormAct, invertedResidual } = blocks;

export const net = graph(
  'first',
  input(32, 32, 3)
    .pipe('stem', convNormAct(16, { kernel: 3, stride: 2 }))
    .stack('stage1', repeat(2, () => invertedResidual(16, { expand: 4 })))
    .stack('stage2', [
      invertedResidual(32, { expand: 4, stride: 2 }),
      invertedResidual(32, { expand: 4 }),
    ])
    .pipe('head', (x) => x.globalPool().dense(10)),
);
`,
  },
  {
    id: 'residual',
    name: 'Residual blocks by hand',
    code: `import { graph, input, repeat, type Block } from 'moonlet';

/** conv, norm, relu, twice; the shortcut is x itself. */
const block: Block = (x) =>
  x
    .residual((y) =>
      y
        .conv(y.channels, { kernel: 3 }).norm().relu()
        .conv(y.channels, { kernel: 3 }).norm(),
    )
    .relu();

const down = (out: number): Block => (x) =>
  x.conv(out, { kernel: 3, stride: 2 }).norm().relu();

let x = input(32, 32, 3).pipe('stem', down(16));
for (const [i, width] of [16, 32, 64].entries())
  x = x.stack(\`stage\${i + 1}\`, [down(width), ...repeat(2, () => block)]);

export const net = graph('by hand', x.pipe('head', (y) => y.globalPool().dense(10)));
`,
  },
  {
    id: 'cheap',
    name: 'A student by Moonshine',
    code: `import { cheapen } from 'moonlet';
import { wrn } from 'moonlet/architectures';

// each residual branch becomes a bottleneck with grouped convs
export const student = cheapen(wrn({ depth: 16, width: 2 }), 'BG(2,4)');
`,
  },
  {
    id: 'branches',
    name: 'Branches and attention',
    code: `import { blocks, graph, input, type Block } from 'moonlet';

/** Kernels of three sizes side by side, then a gate for each channel. */
const mixed = (out: number): Block => (x) => {
  const branch = (kernel: number): Block => blocks.convNormAct(out, { kernel });
  const y = x.pipe('small', branch(1)).concat(
    x.pipe('middle', branch(3)),
    x.pipe('large', branch(5)),
  );
  return y.pipe('gate', blocks.squeezeExcite(4));
};

export const net = graph(
  'branches',
  input(48, 48, 3)
    .pipe('stem', blocks.convNormAct(16, { kernel: 3, stride: 2 }))
    .pipe('stage1', mixed(16))
    .pipe('stage2', (x) => mixed(24)(x.maxPool({ size: 2 })))
    .pipe('head', (x) => x.globalPool().dropout(0.1).dense(100)),
);
`,
  },
];
