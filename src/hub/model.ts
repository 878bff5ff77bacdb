/** @file What the config.json of a repository says of its net: which of our architectures it is, its labels, its licence. */
import * as z from 'zod';
import { MoonletError, quote, suggestion } from '../errors.ts';
import { issueText } from '../graph/index.ts';
import { imagenetLabels } from '../import/imagenet-labels.ts';
import { readTimmConfig, type TimmFields, timmModelOf, timmModels } from '../import/index.ts';

export interface HubModel {
  /** timm's name, without a tag. */
  readonly name: string;
  /** Our architecture with its options, as `compose` reads it. */
  readonly words: string;
  readonly ported: boolean;
  readonly classes: number | undefined;
  readonly fields: TimmFields;
  /** Of the classes, in the order of the outputs; undefined where nothing says them. */
  readonly labels: Labels | undefined;
  readonly license: string | undefined;
}
export interface Labels {
  readonly labels: readonly string[];
  /** Short unique names, such as synsets, where the labels are descriptions of them. */
  readonly names?: readonly string[];
  /** Whose word that is. */
  readonly from: string;
}

const names = z.union([z.array(z.string()), z.record(z.string(), z.string())]);
const said = z.looseObject({
  num_classes: z.int().min(0).nullish(),
  label_names: names.nullish(),
  labels: names.nullish(),
  label_descriptions: z.record(z.string(), z.string()).nullish(),
  license: z.string().nullish(),
});
const config = said.extend({
  id2label: z.record(z.string(), z.string()).nullish(),
  model_type: z.string().nullish(),
  model_args: z.record(z.string(), z.unknown()).nullish(),
  pretrained_cfg: said.extend({ tag: z.string().nullish() }).nullish(),
});
type Config = z.output<typeof config>;

/** Arguments of a timm model that do not change what it computes for inference, or that are read elsewhere. */
const harmless = ['num_classes', 'in_chans', 'img_size', 'drop_rate', 'drop_path_rate'];

/**
 * @param text the config.json, `where` it stands for error messages.
 * @throws MoonletError when it is no config.json of timm, or of a net that is none of our architectures.
 */
export function readHubModel(text: string, where: string): HubModel {
  const { architecture: name, fields = {} } = readTimmConfig(text, where);
  const read = config.safeParse(JSON.parse(text));
  if (!read.success)
    throw new MoonletError(`${where}: ${issueText(read.error)}; it is not as timm writes it`);
  const { data } = read;
  if (name === undefined)
    throw new MoonletError(
      `${where}: it names no architecture of timm${data.model_type ? ` (model_type ${quote(data.model_type)})` : ''}; only timm's nets are read, such as those of "moonlet list --pretrained"`,
    );
  const model = timmModelOf(name);
  if (!model)
    throw new MoonletError(
      `${where}: the architecture ${quote(name)} is none of ours.${suggestion(name, timmModels())} See "moonlet list --pretrained"`,
    );
  const args = argumentsOf(data, where);
  const classes = data.num_classes ?? data.pretrained_cfg?.num_classes ?? undefined;
  const [channels, height, width] = fields.input_size ?? [];
  const inChannels = args.in_chans ?? channels ?? 3;
  const options = [
    ...(classes === undefined || classes === 0 ? [] : [`classes=${classes}`]),
    ...(height === undefined ? [] : [`size=${height === width ? height : `${height}x${width}`}`]),
    ...(inChannels === 3 ? [] : [`channels=${inChannels}`]),
  ];
  // timm's own nets of ImageNet-22k say their classes, which these weights may not have
  const net = classes === undefined ? model.words : model.words.replace(/ classes=\d+/, '');
  return {
    name,
    words: [net, ...options].join(' '),
    ported: model.ported,
    classes,
    fields,
    labels: labelsOf(data, classes),
    license: data.pretrained_cfg?.license ?? data.license ?? undefined,
  };
}

/** @throws MoonletError for an argument that makes another net of the architecture. */
function argumentsOf(
  { model_args: args }: Config,
  where: string,
): { readonly in_chans?: number | undefined } {
  for (const [key, value] of Object.entries(args ?? {}))
    if (!harmless.includes(key) && !(key === 'global_pool' && value === 'avg'))
      throw new MoonletError(
        `${where}: the argument ${quote(key)} in model_args makes another net than our architecture; import the weights by "moonlet import --as" with fitting options`,
      );
  const read = z.object({ in_chans: z.int().positive().optional() }).safeParse(args ?? {});
  if (!read.success) throw new MoonletError(`${where}: model_args: ${issueText(read.error)}`);
  return read.data;
}

/** Labels as config.json says them; else, for a classifier that was trained on ImageNet-1k, those of its 1000 classes. */
function labelsOf(data: Config, classes: number | undefined): Labels | undefined {
  const inner: Partial<z.output<typeof said>> & { tag?: string | null | undefined } =
    data.pretrained_cfg ?? {};
  const from = 'config.json';
  const list = listed(data.label_names ?? inner.label_names ?? data.labels ?? inner.labels, classes);
  if (list) {
    const described = data.label_descriptions ?? inner.label_descriptions;
    if (!described) return { labels: list, from };
    return { labels: list.map((name) => described[name] ?? name), names: list, from };
  }
  const labels = listed(data.id2label, classes);
  if (labels) return { labels, from };
  if (classes !== 1000 || !/(?:^|_)in1k$/.test(inner.tag ?? '')) return undefined;
  return { labels: imagenetLabels, from: `ImageNet-1k, by the tag ${quote(inner.tag ?? '')}` };
}

/** A list of as many names as there are classes; undefined for any other. */
function listed(
  said: z.output<typeof names> | null | undefined,
  classes: number | undefined,
): readonly string[] | undefined {
  if (!said) return undefined;
  const list = Array.isArray(said)
    ? said
    : Object.keys(said).flatMap((_, i) => (said[i] === undefined ? [] : [said[i]]));
  return classes === undefined || list.length === classes ? list : undefined;
}

/** The licence in the front matter of a model card (README.md). */
export function licenseOf(readme: string): string | undefined {
  const [, matter = ''] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(readme) ?? [];
  return /^license:[ \t]*['"]?([\w.-]+)/m.exec(matter)?.[1];
}
