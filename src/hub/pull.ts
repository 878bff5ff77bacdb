/** @file A net of the hub as a folder of ours: graph, weights and a card with all that the repository says of it. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compose } from '../../zoo/architectures/index.ts';
import { withinLimit } from '../../zoo/http.ts';
import { filesOf } from '../../zoo/net-files.ts';
import { cacheFolder } from '../../zoo/pull.ts';
import { MoonletError } from '../errors.ts';
import { isHiddenName, namesIn, withOut } from '../files/index.ts';
import { type Graph, inputShape } from '../graph/index.ts';
import {
  type ImportReport,
  importWeights,
  preprocessingOf,
  readWeightFile,
  type Settled,
  usualPreprocessing,
  wrong,
} from '../import/index.ts';
import { cost } from '../read/cost.ts';
import { bytesOf, type Net, pack } from '../weights/index.ts';
import { type HubModel, licenseOf, readHubModel } from './model.ts';
import { parseRepository, type Repository } from './repository.ts';
import { openSnapshot, type Snapshot, type SnapshotFile, type SnapshotOptions } from './snapshot.ts';

export interface HubPullOptions extends SnapshotOptions {
  /** The folder where the net goes; by default one in `cacheFolder()`. */
  readonly to?: string;
  /** Overwrites what is in `to`. */
  readonly force?: boolean;
}
export interface HubPulled {
  /** 'owner/name'. */
  readonly id: string;
  readonly revision: string;
  readonly commit: string;
  /** Holds graph.json, weights.safetensors and card.json; `loadNet` reads it. */
  readonly folder: string;
  readonly net: Net;
  readonly card: HubCard;
}
export type HubCard = ReturnType<typeof cardOf>;

const [config, weights, readme] = ['config.json', 'model.safetensors', 'README.md'] as const;
/** The most bytes that config.json and a model card may have. */
const longestText = 2 ** 23;
const writes = ['graph.json', 'weights.safetensors', 'card.json'] as const;

/**
 * A pretrained net of the Hugging Face hub by its name, 'timm/NAME' or 'hf:owner/name', with '@revision' where another than
 * main is meant. Its files are kept in the hub's own cache and verified; the net is imported into our architecture.
 *
 * @throws UsageError for a name that is none; MoonletError, each with the remedy, when there is no such repository or
 *   revision, it is gated, the hub limits the rate or is not reached, its architecture is none of ours, its bytes are not
 *   those that the hub names, or HF_HUB_OFFLINE is set and the cache does not have it.
 * @example
 * import { hubSettings, pullFromHub } from 'moonlet/hub';
 *
 * const settings = hubSettings({ HF_HOME: 'empty', HF_HUB_OFFLINE: '1' }); // by default as the environment says
 * const card = await pullFromHub('timm/lcnet_050.ra2_in1k', { settings }).then(
 *   ({ card }) => card.architecture,
 *   (e: Error) => e.message.slice(0, 61),
 * );
 * console.log(card); // timm/lcnet_050.ra2_in1k: revision "main" is not in the cache
 */
export async function pullFromHub(name: string, o: HubPullOptions = {}): Promise<HubPulled> {
  const repo = parseRepository(name);
  if (o.to !== undefined && !o.force && !namesIn(o.to).every(isHiddenName))
    throw new MoonletError(`${o.to}: the folder is not empty; choose another, or overwrite it by --force`);
  return withinLimit(name, o, (limited) => fetchNet(repo, limited));
}

async function fetchNet(repo: Repository, o: HubPullOptions): Promise<HubPulled> {
  const snapshot = await openSnapshot(repo, [config, weights], o);
  const [owner = '', model = ''] = repo.id.split('/');
  const { to = join(cacheFolder(), 'hub', owner, model, snapshot.commit) } = o;
  const configFile = await snapshot.file(config, longestText);
  const read = readHubModel(readFileSync(configFile.path, 'utf8'), `${repo.id}: ${config}`);
  const license = read.license ?? (await licenseIn(snapshot));
  const file = await snapshot.file(weights);
  snapshot.close();
  const done = imported(repo, read, file);
  const origin = { repo, commit: snapshot.commit, files: { [config]: configFile, [weights]: file }, license };
  const card = cardOf(done, read, origin);
  const folder = resolve(to);
  await withOut(folder, { force: o.to === undefined || (o.force ?? false), writes, waitMs: 60_000 }, (out) =>
    out.publish(filesOf(done.net, card)),
  );
  return { ...repo, commit: snapshot.commit, folder, net: done.net, card };
}

async function licenseIn(snapshot: Snapshot): Promise<string | undefined> {
  if (!snapshot.has(readme)) return undefined;
  return licenseOf(readFileSync((await snapshot.file(readme, longestText)).path, 'utf8'));
}

interface Done extends Settled {
  readonly net: Net;
  readonly graph: Graph;
  readonly report: ImportReport;
}

/** @throws MoonletError when the weights are not those of the architecture that config.json names. */
function imported({ id }: Repository, model: HubModel, { path }: SnapshotFile): Done {
  const name = `${id}: ${weights}`;
  if (model.classes === 0)
    throw new MoonletError(
      `${id}: it has no classifier (num_classes 0); import ${path} by "moonlet import --fresh-head" to draw one`,
    );
  const graph = compose(model.words);
  const file = readWeightFile(readFileSync(path), name);
  const source = model.ported ? 'timm-tf' : 'timm';
  const done = importWeights(graph, file, name, { source, model: model.name });
  if (!done.net)
    throw new MoonletError(`${name}: not the weights of ${model.name}, as config.json says: ${wrong(done)}`);
  const usual = usualPreprocessing(graph, source, inputShape(graph)[0], id);
  return {
    net: done.net,
    graph,
    report: done.report,
    ...preprocessingOf(graph, usual, file.told, model.fields),
  };
}

interface Origin {
  readonly repo: Repository;
  readonly commit: string;
  readonly files: Readonly<Record<string, SnapshotFile>>;
  readonly license: string | undefined;
}

/** A net's card: where it is from, its labels, what an input must be, what it costs. */
function cardOf({ net, graph, report, preprocessing, notes }: Done, model: HubModel, origin: Origin) {
  const { graphJson, weights: packed } = pack(net);
  const { params, macs } = cost(net.graph);
  const { repo, commit, files, license } = origin;
  return {
    name: net.graph.name,
    architecture: graph.name,
    source: {
      repository: repo.id,
      revision: repo.revision,
      commit,
      files: Object.fromEntries(Object.entries(files).map(([name, { path }]) => [name, digestOf(path)])),
    },
    imported: { file: weights, format: 'safetensors', source: report.source, model: model.name },
    differences: report.differences,
    preprocessing: preprocessing ?? null,
    ...(model.labels
      ? {
          labels: model.labels.labels,
          ...(model.labels.names ? { labelNames: model.labels.names } : {}),
          labelsFrom: model.labels.from,
        }
      : {}),
    ...(notes.length ? { notes } : {}),
    params,
    macs,
    bytes: bytesOf(net),
    sha256: { 'graph.json': sha256(graphJson), 'weights.safetensors': sha256(packed) },
    license: license ?? 'not said by the repository',
  };
}

const digestOf = (path: string): { readonly bytes: number; readonly sha256: string } => ({
  bytes: statSync(path).size,
  sha256: sha256(readFileSync(path)),
});
const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');
