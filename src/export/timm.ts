/** @file A net as the files of a timm model: its state dict as safetensors, and config.json. */
import { compose } from '../../zoo/architectures/index.ts';
import { MoonletError } from '../errors.ts';
import { classesOf, type Graph, inputShape, type Node, onlyOutput, printOp } from '../graph/index.ts';
import { namesOf, sourcesOf } from '../import/names/index.ts';
import { asLibrary, torchTensors } from '../import/outward.ts';
import { timmNameOf } from '../import/timm-names.ts';
import { type Net, writeRawSafetensors } from '../weights/index.ts';
import { byChannel, type ExportCard, type ExportPreprocessing, metadataOf } from './card.ts';

export interface TimmFiles {
  /** The state dict: model.safetensors. */
  readonly weights: Uint8Array;
  /** The name under which `timm.create_model` makes the model; undefined where timm has none of the net's options. */
  readonly model?: string;
  /** config.json of a timm repository, with which `timm.create_model('local-dir:FOLDER', pretrained=True)` loads the folder. */
  readonly configJson?: string;
}
type Ported = 'timm' | 'timm-tf';

/**
 * The files. The net is held to the architecture that timm builds first: the same ops, sizes and numerics.
 * @throws MoonletError when timm has no such net, with the first layer that differs.
 */
export function timmFiles(net: Net, card: ExportCard): TimmFiles {
  const { source, plain } = timmNet(net.graph);
  const model = timmNameOf(plain, source === 'timm-tf');
  const weights = writeRawSafetensors(torchTensors(net, source), {
    format: 'pt', // what timm and safetensors.torch write, and transformers demands
    ...metadataOf(card),
    ...(model === undefined ? {} : { architecture: model }),
  });
  if (model === undefined) return { weights };
  return {
    weights,
    model,
    configJson: `${JSON.stringify(configOf(net.graph, source, model, card), null, 2)}\n`,
  };
}

/** Whether timm's own net or its port from TensorFlow is meant, and the architecture as composed. */
export function timmNet(graph: Graph): { readonly source: Ported; readonly plain: Graph } {
  const sources = sourcesOf(graph).filter((s) => s === 'timm' || s === 'timm-tf');
  if (!sources.length)
    throw new MoonletError(
      `${graph.name}: timm's names of this architecture are not known; leave out the option names`,
    );
  const plain = composed(graph);
  const differences = sources.map((source) => ({ source, why: differs(asLibrary(plain, source), graph) }));
  const match = differences.find(({ why }) => why === undefined);
  if (match) return { source: match.source, plain };
  throw new MoonletError(
    `${graph.name}: timm's net is another: ${differences[0]?.why}; edited or differently computing nets are taken away as ONNX, tf.layers or our own safetensors`,
  );
}

/** The architecture that the graph's name says, with the graph's own input and classes. */
function composed(graph: Graph): Graph {
  const words = graph.name.replace(/ as [\w-]+$/, '').split(' ');
  const options = words.filter((word) => !/^(?:size|classes|channels)=/.test(word));
  const shape = inputShape(graph);
  const [height = 0, width = 0, channels = 0] = shape;
  return compose([
    ...options,
    `size=${height}x${width}`,
    `channels=${channels}`,
    `classes=${classesOf(graph)}`,
  ]);
}

/** The first difference of two graphs that changes an output in inference; undefined where there is none. */
function differs(theirs: Graph, ours: Graph): string | undefined {
  if (onlyOutput(theirs) !== onlyOutput(ours)) return `its output is "${onlyOutput(theirs)}"`;
  const own = new Map(ours.nodes.map((node) => [node.id, node]));
  for (const node of theirs.nodes) {
    const other = own.get(node.id);
    if (!other) return `it has "${node.id}"`;
    if (inferred(node) !== inferred(other))
      return `"${node.id}" is ${printOp(node.op)} there and ${printOp(other.op)} here`;
  }
  if (own.size === theirs.nodes.length) return undefined;
  const known = new Set(theirs.nodes.map(({ id }) => id));
  return `it has no "${ours.nodes.find(({ id }) => !known.has(id))?.id}"`;
}

/** What of a node changes an output in inference. */
const inferred = ({ op, inputs, weightsOf }: Node): string => {
  const { kind } = op;
  const fields = Object.entries(op).filter(([key]) => key !== 'momentum');
  const seen = kind === 'dropout' || kind === 'dropPath' ? [] : fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([kind, seen, inputs, weightsOf ?? null]);
};

function configOf(graph: Graph, source: Ported, architecture: string, card: ExportCard): object {
  const [height = 0, width = 0, channels = 0] = inputShape(graph);
  const classes = classesOf(graph);
  const input = graph.nodes.find(({ op }) => op.kind === 'input')?.id ?? '';
  const modulesOf = (ids: readonly string[]): readonly string[] =>
    namesOf(graph, source, ids).map(({ module }) => module);
  const readers = graph.nodes.flatMap(({ id, op, inputs }) =>
    op.kind === 'conv' && inputs.includes(input) ? [id] : [],
  );
  const firstConvs = modulesOf(readers);
  const heads = graph.nodes.flatMap(({ id, op }) =>
    op.kind === 'dense' && op.out === classes && /^head\/(?:\w+\/)?dense$/.test(id) ? [id] : [],
  );
  const classifiers = modulesOf(heads.length > 1 ? heads : [heads.at(-1) ?? onlyOutput(graph)]);
  return {
    architecture,
    num_classes: classes,
    ...(channels === 3 ? {} : { model_args: { in_chans: channels } }),
    ...(card.labels ? { label_names: card.labels } : {}),
    pretrained_cfg: {
      input_size: [channels, height, width],
      num_classes: classes,
      ...timmPreprocessing(card.preprocessing, channels),
      first_conv: firstConvs.length === 1 ? firstConvs[0] : firstConvs,
      classifier: classifiers.length === 1 ? classifiers[0] : classifiers,
      ...(card.license === undefined ? {} : { license: card.license }),
    },
  };
}

/** timm's words; nothing for pixels that timm does not prepare so: of another range, or of blue first. */
function timmPreprocessing(p: ExportPreprocessing | undefined, channels: number): object {
  if (!p || p.channels === 'bgr' || (p.range && (p.range[0] !== 0 || p.range[1] !== 1))) return {};
  return {
    mean: byChannel(p.mean, channels),
    std: byChannel(p.std, channels),
    ...(p.interpolation === undefined ? {} : { interpolation: p.interpolation }),
    ...(p.crop === undefined ? {} : { crop_pct: p.crop }),
    ...(p.cropMode === undefined ? {} : { crop_mode: p.cropMode }),
  };
}
