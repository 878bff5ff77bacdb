/** @file Imports weights of another library into a graph: matches them by name, checks shapes, converts the layout. */
import { get, last } from '../access.ts';
import { MoonletError, quote, UsageError } from '../errors.ts';
import { type Graph, printShape } from '../graph/index.ts';
import { float, materialize, type Net, net, type Weight, type WeightKey } from '../weights/index.ts';
import { adapt, numericsOf, type ToldNorm } from './adapt.ts';
import { type Expected, expected, transposed } from './expect.ts';
import { type Acceptable, type ForeignTensor, readOptions, type Told, type WeightFile } from './file.ts';
import { classesOf, classifierOf } from './head.ts';
import { archOf, layoutOf, portedByName, type Source, sourceNamed, sourcesOf } from './names/index.ts';
import { chosen, unwrapped } from './nets.ts';
import { type Unsound, unsoundIn } from './values.ts';

/** What became of every tensor of the file, by its name there, and of every weight of the net. */
export interface ImportReport {
  readonly source: Source;
  /** The name of the net within the file, where it has one. */
  readonly net?: string;
  /** The names of the file's other nets, which the option `net` can select. */
  readonly otherNets: readonly string[];
  /** A prefix that training put before the names, as in 'module.conv1.weight'. */
  readonly prefix: string;
  readonly matched: readonly string[];
  /** The matched names whose axes were transposed. */
  readonly transposed: readonly string[];
  /** Entries that no net needs, such as counters of batches and the state of an optimizer. */
  readonly skipped: readonly string[];
  /** Expected names that the file does not have. */
  readonly missing: readonly string[];
  /** Weights of the file that the net does not have. */
  readonly unexpected: readonly string[];
  /** Names whose shape differs from the net's, with both shapes. */
  readonly misshapen: readonly string[];
  /** Names with values that a weight cannot have, and the reason; refused unless the option `accept` permits the kind. */
  readonly unsound: readonly string[];
  /** Where the library computes differently from our architecture; the imported graph computes as the library does. */
  readonly differences: readonly string[];
}
export interface Imported {
  readonly report: ImportReport;
  /** The net; undefined when anything is missing, misshapen, unexpected, or unsound and not accepted. */
  readonly net?: Net;
  /** What to try when the import is not complete. */
  readonly hint?: string;
  /** The number of classes of the file's classifier, when the net has another number. */
  readonly classes?: number;
}
export interface ImportOptions {
  /** The library that wrote the file; by default the one whose names fit best. */
  readonly source?: string;
  /** Leave out the first output of the classifier, TensorFlow's class 'background'. */
  readonly dropBackground?: boolean;
  /** The net to import from a checkpoint of several; by default the first of state_dict_ema, model_ema, state_dict, ... */
  readonly net?: string;
  /** Kinds of unsound values to import unchanged: `nonfinite`, `negative-variances`, `integers`. */
  readonly accept?: readonly Acceptable[];
  /** Initialize a new classifier for a file that has none. */
  readonly freshHead?: boolean;
  /** The name of the model in its library, if it is known from elsewhere. */
  readonly model?: string;
}

const ignored =
  /(^|[./])(num_batches_tracked|n_averaged|seed_generator_state|attention_bias_idxs)$|seed_generator/;
/**
 * Imports the weights of a file into a graph of the zoo.
 *
 * @param name the name of the file, for error messages.
 * @returns a report on every tensor and, when the import is complete, the net.
 * @throws MoonletError when no name of the file belongs to the architecture, or the names of the library are not known.
 */
export function importWeights(graph: Graph, file: WeightFile, name: string, o: ImportOptions = {}): Imported {
  const { accept } = readOptions(o);
  const { net: held, others, ...own } = chosen(file, o.net, name);
  const { tensors: bare, prefix } = unwrapped(own.tensors);
  const tensors = renewed(bare, archOf(graph));
  const source =
    o.source === undefined ? likeliest(graph, file, tensors, name, o) : sourceNamed(o.source, graph);
  const usual = expected(graph, source, file.format);
  const folded = numericsOf(graph, source).biases ? biasNames(usual) : new Map<string, string>();
  const isSkipped = (key: string): boolean =>
    ignored.test(key) || (layoutOf(source) === 'keras' && /^normalization(_\d+)?\//.test(key));
  const candidates = new Map([...tensors].filter(([key]) => !folded.has(key) && !isSkipped(key)));
  const head = classifierOf(
    graph,
    usual,
    { keras: layoutOf(source) === 'keras', told: file.told },
    candidates,
    o,
  );
  const { wanted } = head;
  const adapted = adapt(head.graph, source, toldNorms(wanted, file.told));
  const known = new Set([...wanted.map((e) => e.name), ...folded.keys()]);
  const rest = [...tensors.keys()].filter((key) => !known.has(key));
  const skipped = [...own.skipped, ...rest.filter(isSkipped)];
  const missing = [...known].filter((key) => !tensors.has(key));
  const found = wanted.flatMap((e) => {
    const tensor = tensors.get(e.name);
    return tensor ? [{ ...e, tensor, ...cut(e, o) }] : [];
  });
  const misshapen = found.flatMap((e) =>
    printShape(e.tensor.shape) === printShape(e.fileShape)
      ? []
      : [`${quote(e.name)} is ${printShape(e.tensor.shape)} and should be ${printShape(e.fileShape)}`],
  );
  const report: ImportReport = {
    source,
    ...(held === undefined ? {} : { net: held }),
    otherNets: others,
    prefix,
    matched: [...found.map((e) => e.name), ...[...folded.keys()].filter((key) => tensors.has(key))],
    transposed: found.filter((e) => e.order).map((e) => e.name),
    skipped,
    missing,
    unexpected: rest.filter((key) => !isSkipped(key)),
    misshapen,
    unsound: [],
    differences: [
      ...adapted.differences,
      ...head.differences,
      ...(folded.size ? [`biases of convs, now part of the means of their norms (${folded.size})`] : []),
    ],
  };
  if (missing.length || misshapen.length || report.unexpected.length)
    return {
      report,
      ...(head.hint === undefined ? hintFor(graph, report, found, file.told) : { hint: head.hint }),
    };
  const [wantedClasses, classes] = [classesOf(graph), classesOf(head.graph)];
  if (wantedClasses !== undefined && classes !== undefined && wantedClasses !== classes)
    return { report, ...classesHint(classes, wantedClasses) };
  const { weights, unsound } = valuesOf(found, folded, tensors, head.fresh);
  const whole = { ...report, unsound: unsound.map(({ what }) => what) };
  const refused = [...new Set(unsound.map(({ kind }) => kind))].filter((kind) => !accept.includes(kind));
  if (refused.length)
    return {
      report: whole,
      hint: `the training may have failed, or the file may be damaged. To import these values unchanged, use --accept ${refused.join(',')}`,
    };
  return { report: whole, net: net(adapted.graph, weights) };
}

/** The values of the file as our weights, and what is wrong with them; biases of convs go into the means of their norms. */
function valuesOf(
  found: readonly Found[],
  folded: ReadonlyMap<string, string>,
  tensors: ReadonlyMap<string, ForeignTensor>,
  fresh: ReadonlyMap<WeightKey, Weight>,
): { weights: Map<WeightKey, Weight>; unsound: readonly Unsound[] } {
  const weights = new Map(fresh);
  const unsound: Unsound[] = [];
  for (const e of found) {
    const values = e.tensor.read();
    unsound.push(...unsoundIn(e.name, e.slot, e.tensor, values));
    const own = ours(e, values);
    const before = e.part ? materialize(get(weights, e.key)) : [];
    const shape = e.part === undefined ? e.shape : [e.part + 1, ...e.shape];
    weights.set(e.key, float(shape, e.part ? Float32Array.of(...before, ...own) : own));
  }
  for (const [bias, norm] of folded) {
    const tensor = get(tensors, bias);
    const values = tensor.read();
    unsound.push(...unsoundIn(bias, 'bias', tensor, values));
    shiftMean(weights, norm, values);
  }
  return { weights, unsound };
}

/** The settings of norms in the file's configuration, by node. */
const toldNorms = (wanted: readonly Expected[], { eps, momentum }: Told): ReadonlyMap<string, ToldNorm> =>
  new Map(
    wanted.flatMap(({ node, slot, name }) => {
      const layer = name.replace(/\/[^/]*$/, '');
      const [e, m] = [eps?.get(layer), momentum?.get(layer)];
      const told = { ...(e === undefined ? {} : { eps: e }), ...(m === undefined ? {} : { momentum: m }) };
      return slot === 'mean' ? [[node, told] as const] : [];
    }),
  );

/** norm(x + bias) of mean m is norm(x) of mean m - bias. */
function shiftMean(weights: Map<WeightKey, Weight>, norm: string, bias: Float32Array): void {
  const mean = get(weights, `${norm}:mean`);
  if (bias.length !== mean.shape[0])
    throw new MoonletError(`the bias before ${norm} has ${bias.length} values; expected ${mean.shape[0]}`);
  const values = materialize(mean).map((m, i) => m - bias[i]!);
  weights.set(`${norm}:mean`, float(mean.shape, values));
}

/** Biases that our convs do not have: their names, with the norm that follows the conv. */
const biasNames = (wanted: readonly Expected[]): Map<string, string> =>
  new Map(
    wanted.flatMap(({ node, slot, name }) =>
      slot === 'kernel' && node.endsWith('/conv')
        ? [[name.replace(/kernel$/, 'bias'), node.replace(/conv$/, 'norm')] as const]
        : [],
    ),
  );

interface Found extends Expected {
  readonly tensor: ForeignTensor;
  readonly fileShape: readonly number[];
  /** The number of outputs in the file before ours. */
  readonly before: number;
}

/** The shape in the file: with a background class before ours the classifier has one more output. */
function cut(e: Expected, { dropBackground = false }: ImportOptions) {
  if (!dropBackground || e.node !== 'head/dense') return { fileShape: e.foreignShape, before: 0 };
  const outputs = e.order ? e.order.at(-1) : e.foreignShape.length - 1; // that axis of the file's
  return { fileShape: e.foreignShape.map((d, axis) => (axis === outputs ? d + 1 : d)), before: 1 };
}

/** The file's values in our layout. */
function ours({ order, fileShape, shape, before }: Found, read: Float32Array): Float32Array {
  const values = order ? transposed(read, fileShape, order) : read;
  if (!before) return values;
  const outputs = last(shape);
  return values.filter((_, i) => i % (outputs + before) >= before);
}

/** The library with the most names in the file; the first of equal ones. */
function likeliest(
  graph: Graph,
  file: WeightFile,
  tensors: ReadonlyMap<string, ForeignTensor>,
  name: string,
  { model = '' }: ImportOptions,
): Source {
  const known = sourcesOf(graph).filter((s) => s !== 'timm-tf');
  const scored = known.map((source) => ({
    source,
    score: expected(graph, source, file.format).filter((e) => tensors.has(e.name)).length,
  }));
  const best = scored.reduce((a, b) => (b.score > a.score ? b : a));
  if (best.score) {
    if (best.source !== 'timm' || !sourcesOf(graph).includes('timm-tf')) return best.source;
    const source = portedByName(model) ?? portedByName(name);
    if (source) return source;
    throw new UsageError(
      `${name}: timm has ${archOf(graph)} twice, its own and one ported from TensorFlow (tf_...), with the same tensor names but another eps and padding; choose one with --source timm or --source timm-tf`,
    );
  }
  const first = [...tensors.keys()][0];
  throw new MoonletError(
    `${name}: no tensor name matches ${archOf(graph)} as named by ${known.join(', ')}; the first of ${tensors.size} names is ${quote(first ?? '')}. Is it another architecture?`,
  );
}

/** DenseNets from before 2018, under today's names. */
const renewed = (
  tensors: ReadonlyMap<string, ForeignTensor>,
  arch: string,
): ReadonlyMap<string, ForeignTensor> =>
  arch === 'densenet-121'
    ? new Map(
        [...tensors].map(([key, tensor]) => [
          key.replace(/(denselayer\d+\.(?:norm|conv))\.(\d)/, '$1$2'),
          tensor,
        ]),
      )
    : tensors;

/** Nets that have the same name in a library but differ. */
const otherwise: Readonly<Record<string, string>> = {
  'torchvision regnet-x-400mf':
    "torchvision's last stage has 400 channels, Moonlet's 384 as in pycls and timm; import timm's weights",
};

function classesHint(theirs: number, ours: number): { hint: string; classes: number } {
  const background = theirs === ours + 1 ? ', or remove its class "background" with --drop-background' : '';
  const hint = `the file has ${theirs} classes and the net ${ours}: add classes=${theirs}${background}`;
  return { hint, classes: theirs };
}

function hintFor(
  graph: Graph,
  report: ImportReport,
  found: readonly Found[],
  told: Told,
): Pick<Imported, 'hint' | 'classes'> {
  const classifier = found.find((e) => e.node === 'head/dense' && e.slot === 'bias');
  const [ours, theirs] = [classifier?.fileShape[0], classifier?.tensor.shape[0]];
  if (ours !== theirs && theirs !== undefined && ours !== undefined)
    return classesHint(theirs - (classifier?.before ?? 0), ours - (classifier?.before ?? 0));
  const lost = report.missing.find((key) => told.layers?.has(key.replace(/\/[^/]*$/, '')));
  if (lost !== undefined)
    return {
      hint: "the model's configuration has this layer, but the file has no weights for it: the tensorflowjs converter loses the weights of layers with a slash in their names, as in Keras 2's MobileNetV3; import the original .h5 or .keras file",
    };
  if (report.missing.length > found.length)
    return { hint: `is it an architecture other than ${archOf(graph)}?` };
  const known = report.misshapen.length ? otherwise[`${report.source} ${archOf(graph)}`] : undefined;
  if (known !== undefined) return { hint: known };
  if (report.misshapen.length) return { hint: 'does the net have another width, or other options?' };
  return { hint: `is it an architecture other than ${archOf(graph)}?` };
}
