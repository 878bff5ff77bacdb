/** @file Reads timm's config.json, which hubs store with a model's weights. */
import * as z from 'zod';
import { MoonletError } from '../errors.ts';
import { issueText } from '../graph/index.ts';

const fields = z.looseObject({
  input_size: z.tuple([z.int(), z.int(), z.int()]).optional(),
  mean: z.array(z.number()).min(1).optional(),
  std: z.array(z.number()).min(1).optional(),
  interpolation: z.string().optional(),
  crop_pct: z.number().optional(),
  crop_mode: z.string().optional(),
  test_input_size: z.tuple([z.int(), z.int(), z.int()]).nullish(),
  test_crop_pct: z.number().nullish(),
});
const config = z.looseObject({
  architecture: z.string().optional(),
  pretrained_cfg: fields.optional(),
});
/** How images were prepared for the weights, as timm says it, unknown fields included. */
export type TimmFields = Readonly<z.output<typeof fields>>;
export interface TimmConfig {
  /** The model's name in timm, such as 'tf_efficientnet_lite0'. */
  readonly architecture?: string | undefined;
  readonly fields?: TimmFields;
}

/**
 * What a config.json says. Files of other tools, which have the same name, say nothing of either.
 * @throws MoonletError when it is not JSON, or a field that is read is of another kind than timm writes.
 */
export function readTimmConfig(json: string, name: string): TimmConfig {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw new MoonletError(`${name}: not JSON; move it away to import without it`);
  }
  const read = config.safeParse(parsed);
  if (!read.success) {
    const timm = z.object({ pretrained_cfg: z.unknown() }).safeParse(parsed);
    if (!timm.success) return {};
    throw new MoonletError(
      `${name}: ${issueText(read.error)}; correct it, or move it away to import without it`,
    );
  }
  const { architecture, pretrained_cfg, ...rest } = read.data;
  if (pretrained_cfg) return { architecture, fields: pretrained_cfg };
  // before timm 0.6, the fields stood beside the architecture
  const old = architecture !== undefined && 'input_size' in rest ? fields.safeParse(rest) : undefined;
  return old?.success ? { architecture, fields: old.data } : { architecture };
}
