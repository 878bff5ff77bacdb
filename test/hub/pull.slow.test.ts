/** @file `moonlet pull` from a hub: timm's files become a net of ours with a card, and what cannot is refused by one line. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { licenseOf, readHubModel } from '../../src/hub/model.ts';
import { loadNet } from '../../zoo/index.ts';
import { expectRefusal, moonlet } from '../support/cli.ts';
import { type HubServer, hubServer, lastAsked, push, sha256Of } from '../support/hub-server.ts';
import { timmWeights } from '../support/timm-files.ts';

/** A config.json as timm 1.0.31 writes it (save_config_for_hf), with another number of classes. */
const timmConfig = {
  architecture: 'mobilenetv3_small_050',
  num_classes: 3,
  num_features: 288,
  global_pool: 'avg',
  label_names: ['n1', 'n2', 'n3'],
  label_descriptions: { n1: 'a tabby', n2: 'a cup' },
  model_args: { num_classes: 3, in_chans: 3, global_pool: 'avg' },
  pretrained_cfg: {
    tag: 'lamb_in1k',
    custom_load: false,
    input_size: [3, 224, 224],
    test_input_size: [3, 256, 256],
    fixed_input_size: false,
    interpolation: 'bicubic',
    crop_pct: 0.875,
    test_crop_pct: 0.95,
    crop_mode: 'center',
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    num_classes: 3,
    pool_size: [7, 7],
    first_conv: 'conv_stem',
    classifier: 'classifier',
    license: 'apache-2.0',
  },
};
const id = 'timm/mobilenetv3_small_050.lamb_in1k';

describe('moonlet pull from a hub', () => {
  const weights = timmWeights('mobilenet-v3-small width=0.5 classes=3');
  const saved = new Map(
    ['HF_ENDPOINT', 'HF_HOME', 'HF_HUB_CACHE', 'HF_HUB_OFFLINE', 'HF_TOKEN', 'MOONLET_CACHE'].map((key) => [
      key,
      process.env[key],
    ]),
  );
  let [root, hub, sha]: [string, HubServer, string] = ['', undefined!, ''];
  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'moonlet-hub-'));
    hub = await hubServer();
    sha = push(hub, id, { 'config.json': JSON.stringify(timmConfig), 'model.safetensors': weights });
    for (const key of saved.keys()) delete process.env[key];
    Object.assign(process.env, { HF_ENDPOINT: hub.url, HF_HOME: root, MOONLET_CACHE: join(root, 'moonlet') });
  });
  after(async () => {
    for (const [key, value] of saved)
      if (value === undefined) delete process.env[key];
      else process.env[key] = value;
    await hub.close();
    rmSync(root, { recursive: true, force: true });
  });

  it('makes a folder with graph, weights and a card', async () => {
    const to = join(root, 'net');
    const { code, stdout, stderr } = await moonlet('pull', id, '--to', to);
    expect([code, stderr]).to.deep.equal([0, '']);
    const words = 'mobilenet-v3-small width=0.5 classes=3';
    expect(stdout).to.equal(
      `${id} at ${sha.slice(0, 12)}: ${words}, 571,299 parameters, licence apache-2.0; in ${to}\n`,
    );
    const card = JSON.parse(readFileSync(join(to, 'card.json'), 'utf8'));
    expect(card.source).to.deep.equal({
      repository: id,
      revision: 'main',
      commit: sha,
      files: {
        'config.json': {
          bytes: JSON.stringify(timmConfig).length,
          sha256: sha256Of(JSON.stringify(timmConfig)),
        },
        'model.safetensors': { bytes: weights.length, sha256: sha256Of(weights) },
      },
    });
    expect(card).to.deep.include({
      architecture: words,
      license: 'apache-2.0',
      labels: ['a tabby', 'a cup', 'n3'],
      labelNames: ['n1', 'n2', 'n3'],
      labelsFrom: 'config.json',
    });
    const { mean, std, interpolation, crop_pct: crop } = timmConfig.pretrained_cfg;
    expect(card.preprocessing).to.deep.include({
      ...{ mean, std, interpolation, crop, range: [0, 1], channels: 'rgb', size: 224, cropMode: 'center' },
      inputSize: [3, 224, 224],
      test: { inputSize: [3, 256, 256], crop: 0.95 },
    });
    expect(loadNet(to).graph.name).to.equal(words);
  });

  it('keeps it in a folder of its own, the same offline and by its commit', async () => {
    const pulled = async (...args: string[]) => JSON.parse((await moonlet('pull', ...args, '--json')).stdout);
    const online = await pulled(id);
    expect(online).to.deep.include({ id, revision: 'main', commit: sha });
    expect(online.folder).to.equal(join(root, 'moonlet', 'hub', ...id.split('/'), sha));
    const bytes = readFileSync(join(online.folder, 'weights.safetensors'));
    process.env['HF_HUB_OFFLINE'] = '1';
    const offline = await pulled(`hf:${id}`);
    delete process.env['HF_HUB_OFFLINE'];
    expect(offline).to.deep.equal(online);
    expect(readFileSync(join(online.folder, 'weights.safetensors'))).to.deep.equal(bytes);
    expect((await pulled(`${id}@${sha}`)).card.source).to.deep.equal({
      ...online.card.source,
      revision: sha,
    });
  });

  const put = (name: string, config: object, bytes: Uint8Array = weights): string => {
    push(hub, `o/${name}`, { 'config.json': JSON.stringify(config), 'model.safetensors': bytes });
    return `hf:o/${name}`;
  };
  it('refuses what it cannot make by one line, before large files are asked for', async () => {
    const words = { architecture: 'mobilenetv3_smal_050' };
    await expectRefusal(
      ['pull', put('a', { ...timmConfig, ...words })],
      1,
      'o/a: config.json: the architecture "mobilenetv3_smal_050" is none of ours. Did you mean "mobilenetv3_small_050"? See "moonlet list --pretrained"',
    );
    await expectRefusal(
      ['pull', put('b', { model_type: 'resnet', architectures: ['ResNetForImageClassification'] })],
      1,
      'o/b: config.json: it names no architecture of timm (model_type "resnet"); only timm\'s nets are read, such as those of "moonlet list --pretrained"',
    );
    await expectRefusal(
      ['pull', put('c', { ...timmConfig, model_args: { num_classes: 3, act_layer: 'relu' } })],
      1,
      'o/c: config.json: the argument "act_layer" in model_args makes another net than our architecture; import the weights by "moonlet import --as" with fitting options',
    );
    expect(hub.asked.some(({ path }) => /^\/o\/[abc]\/.*safetensors/.test(path))).to.equal(false);
    await expectRefusal(
      ['pull', put('d', { ...timmConfig, architecture: 'mobilenetv3_small_075' })],
      1,
      /^moonlet: o\/d: model\.safetensors: not the weights of mobilenetv3_small_075, as config\.json says: \d+ tensors have another shape /,
    );
    await expectRefusal(
      ['pull', put('e', { ...timmConfig, num_classes: 0 })],
      1,
      /^moonlet: o\/e: it has no classifier \(num_classes 0\); import .* by "moonlet import --fresh-head" to draw one$/m,
    );
    await expectRefusal(
      ['pull', put('f', timmConfig, weights.subarray(0, 5000))],
      1,
      /^moonlet: o\/f: model\.safetensors: /,
    );
  });

  it('ends after --timeout, and goes on from there', async () => {
    const name = put('slow', timmConfig);
    const blob = `GET /${sha256Of(weights)}`;
    hub.fail(blob, { kind: 'stall', at: 1000 });
    const to = join(root, 'fresh');
    process.env['HF_HUB_CACHE'] = join(root, 'fresh-cache');
    await expectRefusal(
      ['pull', name, '--to', to, '--timeout', '0.5'],
      1,
      `${name}: not done in the 0.5 s allowed; the downloaded part is kept, and the next pull resumes from it`,
    );
    expect(existsSync(to)).to.equal(false);
    expect((await moonlet('pull', name, '--to', to)).code).to.equal(0);
    delete process.env['HF_HUB_CACHE'];
    expect(lastAsked(hub, blob).range).to.equal('bytes=1000-');
  });

  it('refuses a config.json that is too large, and shows no control characters of one', async () => {
    const large = { ...timmConfig, more: 'x'.repeat(2 ** 23) };
    await expectRefusal(
      ['pull', put('g', large)],
      1,
      /config\.json: it has \d+ bytes, more than the 8388608 allowed$/m,
    );
    const license = { ...timmConfig.pretrained_cfg, license: 'mit\u001b[31m' };
    const { stdout } = await moonlet('pull', put('h', { ...timmConfig, pretrained_cfg: license }));
    expect(stdout).to.contain('licence mit?[31m;');
  });

  it('refuses wrong calls, and a folder that is not empty', async () => {
    await expectRefusal(
      ['pull', 'hf:o'],
      2,
      '"hf:o" is no name of the hub; expected hf:owner/name or timm/NAME',
    );
    await expectRefusal(
      ['pull', id, '--from', root],
      2,
      `--from is of students; for ${id} set HF_ENDPOINT to the address of a hub`,
    );
    await expectRefusal(
      ['pull', id, '--to', root],
      1,
      `${root}: the folder is not empty; choose another, or overwrite it by --force`,
    );
    const to = join(root, 'forced');
    await moonlet('pull', id, '--to', to);
    expect((await moonlet('pull', id, '--to', to, '--force')).code).to.equal(0);
    expect(readdirSync(to).sort()).to.deep.equal(['card.json', 'graph.json', 'weights.safetensors']);
    await expectRefusal(
      ['pull', 'timm/no', '--to', join(root, 'no')],
      1,
      /^moonlet: timm\/no: no such repository at /,
    );
    expect(existsSync(join(root, 'no'))).to.equal(false);
  });
});

describe('a config.json of the hub', () => {
  const read = (config: object) => readHubModel(JSON.stringify(config), 'config.json');
  const bare = { architecture: 'lcnet_050', num_classes: 2, pretrained_cfg: { input_size: [3, 64, 64] } };
  it('has labels in each of the ways that are in use', () => {
    const labels = (more: object) => read({ ...bare, ...more }).labels?.labels;
    expect(labels({})).to.equal(undefined);
    expect(labels({ id2label: { 0: 'a', 1: 'b' } })).to.deep.equal(['a', 'b']);
    expect(labels({ label_names: { 0: 'a', 1: 'b' } })).to.deep.equal(['a', 'b']);
    expect(labels({ pretrained_cfg: { label_names: ['a', 'b'] } })).to.deep.equal(['a', 'b']);
    expect(labels({ label_names: ['a', 'b', 'c'] }), 'of another number').to.equal(undefined);
    expect(
      read({ architecture: 'lcnet_050', num_classes: 2, input_size: [3, 64, 64], labels: ['a', 'b'] }).labels
        ?.labels,
    ).to.deep.equal(['a', 'b']);
  });
  it("has ImageNet's labels where the tag says that it was trained on it", () => {
    const of = (tag: string, num_classes: number) =>
      read({ ...bare, num_classes, pretrained_cfg: { tag } }).labels;
    expect(of('ra2_in1k', 1000)?.labels[281]).to.equal('tabby');
    expect(of('ra2_in1k', 1000)?.from).to.equal('ImageNet-1k, by the tag "ra2_in1k"');
    expect([of('ra2_in1k', 10), of('ra2_in12k', 1000)]).to.deep.equal([undefined, undefined]);
  });
  it('says size, classes and channels of the input', () => {
    expect(read(bare).words).to.equal('lcnet width=0.5 classes=2 size=64');
    expect(read({ ...bare, model_args: { in_chans: 1, drop_rate: 0.2, global_pool: 'avg' } }).words).to.equal(
      'lcnet width=0.5 classes=2 size=64 channels=1',
    );
    expect(read({ architecture: 'tf_efficientnet_lite0' })).to.deep.include({
      words: 'efficientnet-lite0',
      ported: true,
    });
    const tiny = { architecture: 'tiny_vit_5m_224' };
    expect([read(tiny).words, read({ ...tiny, num_classes: 1000 }).words]).to.deep.equal([
      'tiny-vit classes=21841',
      'tiny-vit classes=1000',
    ]);
    expect(read({ ...bare, pretrained_cfg: { input_size: [3, 64, 32] } }).words).to.equal(
      'lcnet width=0.5 classes=2 size=64x32',
    );
  });
  it('leaves the licence to the model card where it says none', () => {
    expect(licenseOf('---\ntags:\n- timm\nlicense: apache-2.0\n---\n# A\nlicense: mit')).to.equal(
      'apache-2.0',
    );
    expect(licenseOf('# A\nlicense: mit')).to.equal(undefined);
  });
});
