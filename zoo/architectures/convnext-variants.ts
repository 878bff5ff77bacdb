/** @file The sizes of ConvNeXt (convnext.ts, convnext-v2.ts), and what differs in some of them. */
import type { Activation } from '../../src/graph/index.ts';

/** Channels of the first stage, which double from stage to stage (or of all stages), and blocks of the stages. */
export const variants = {
  atto: [40, [2, 2, 6, 2]],
  femto: [48, [2, 2, 6, 2]],
  pico: [64, [2, 2, 6, 2]],
  nano: [80, [2, 2, 8, 2]],
  tiny: [96, [3, 3, 9, 3]],
  small: [96, [3, 3, 27, 3]],
  base: [128, [3, 3, 27, 3]],
  large: [192, [3, 3, 27, 3]],
  xlarge: [256, [3, 3, 27, 3]],
  xxlarge: [384, [3, 4, 30, 3]],
  huge: [352, [3, 3, 27, 3]], // of the second version
  // timm's nets for tests, whose widths do not double
  test: [
    [24, 32, 48, 64],
    [1, 2, 4, 2],
  ],
  test2: [
    [32, 64, 96, 128],
    [1, 1, 1, 1],
  ],
  test3: [
    [32, 64, 96, 128],
    [1, 1, 1, 1],
  ],
} as const;

/** The eps of norms, the activation, and the kernels of the stages. */
export interface Form {
  readonly eps: number;
  readonly act: Activation;
  readonly kernels: readonly number[];
}
const usual: Form = { eps: 1e-6, act: 'gelu', kernels: [7, 7, 7, 7] };
const others: Readonly<Partial<Record<keyof typeof variants, Partial<Form>>>> = {
  xxlarge: { eps: 1e-5 },
  test: { eps: 1e-5, act: 'geluTanh' },
  test2: { eps: 1e-5, act: 'geluTanh' },
  test3: { eps: 1e-5, act: 'swish', kernels: [7, 5, 5, 3] },
};
export const formOf = (variant: keyof typeof variants): Form => ({ ...usual, ...others[variant] });
