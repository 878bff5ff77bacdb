/** @file Bad input to the command line: one clear line on stderr, exit 1 or 2, and nothing half-written. */
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { init, pack, readSafetensors, type StoredTensor, writeSafetensors } from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';
import { expectRefusal, moonlet, scratch } from '../support/cli.ts';

describe('wrong usage is said in one line, with exit 2', () => {
  const cases: readonly (readonly [args: string, line: string | RegExp])[] = [
    ['cost wrm depth=16', /^moonlet: no architecture "wrm"\. Did you mean "wrn"\? Known: autoencoder, /],
    ['cost wrn dept=16', /^moonlet: wrn: no option "dept" \(it has depth, .*\)\. Did you mean "depth"\?$/m],
    ['cost mobilenet-v1 width=-1', 'mobilenet-v1: width must be a number from 0.05 to 8, got -1'],
    [
      'cost wrn size=banana',
      'wrn: size must be a whole number from 1 to 4096, or two such as 49x10, got banana',
    ],
    ['cost wrn size=1e9', 'wrn: size must be a whole number from 1 to 4096, or two such as 49x10, got 1e9'],
    ['cost wrn depth=17', 'wrn: depth must be 6n + 4 (10, 16, 22, 28, 40, ...), got 17; the nearest is 16'],
    ['cost wrn depth', 'wrn: "depth" is not of the form option=value, such as classes=10'],
    ['cost', "missing required argument 'what'; see moonlet cost --help"],
    ['cost ds-cnn --sram 64KB', '--sram is an option of --mcu; add --mcu'],
    ['cost ds-cnn --mcu --as torch', '--mcu and --as exclude each other; leave one out'],
    ['cost ds-cnn --mcu --sram 3PB', /^moonlet: "3PB" is no size of memory; write bytes, or 256 KB/],
    ['cost ds-cnn --mcu --until stem', /^moonlet: until: no layer "stem"; they can at stem\/conv, /],
    ['cheapen wrn', "required option '--block <block>' not specified; see moonlet cheapen --help"],
    ['cheapen wrn --block G[4]', /^moonlet: cheapen: no block "G\[4\]"; expected 'S', 'G\(4\)'/],
    ['csot wrn', "unknown command 'csot' (Did you mean cost?); see moonlet --help"],
    ['cost wrn --jsno', "unknown option '--jsno' (Did you mean --json?); see moonlet cost --help"],
    [
      'cost mobilenet-v2 --width 0.35',
      "unknown option '--width'; mobilenet-v2 takes it as width=0.35; see moonlet cost --help",
    ],
    [
      'fit mobilenet-v2 --drop-path=0.1 --out out/none',
      "unknown option '--drop-path'; mobilenet-v2 takes it as dropPath=0.1; see moonlet fit --help",
    ],
    ['cost wrn --depth', "unknown option '--depth'; wrn takes it as depth=...; see moonlet cost --help"],
    [
      'cost mnist/wrn-16-1 width=2',
      'mnist/wrn-16-1 is a trained net with fixed options; remove "width=2", or give an architecture',
    ],
    ['list wrm', /^moonlet: no architecture "wrm"\. Did you mean "wrn"\?/],
    [
      'show nowhere/at-all',
      /^moonlet: no student "nowhere\/at-all", and no folder of that name with graph\.json\./,
    ],
    ['eval nobody', /^moonlet: no student "nobody", and no folder of that name with graph\.json\./],
    ['eval nobody --engine gpu', /^moonlet: .*"gpu"/],
    ['eval mnist/wrn-16-1 --data cifar', /^moonlet: no dataset "cifar"; there are mnist, fashion-mnist/],
    ['eval mnist/wrn-16-1 mnist/b4', /^moonlet: too many arguments for 'eval'.*; see moonlet eval --help$/m],
    [
      'export mnist/wrn-16-1 --format onx --out out/none',
      'no format "onx". Did you mean "onnx"? There are tfjs, onnx, safetensors, source, transformers',
    ],
    [
      'distill hintz',
      /^moonlet: no recipe and no architecture "hintz"\. Did you mean "hints"\? Recipes: attention, .*; "moonlet list" lists the architectures$/m,
    ],
    ['fit', 'fit needs a recipe, an architecture with its options, or --student <net>'],
    ['fit wrn --student none.onnx', '--student none.onnx: "wrn" already names the net; name one'],
    ['distill --student none.onnx --teacher mnist/wrn-16-1 --out out/none', 'no file "none.onnx"'],
    ['distill hints width=2', /^moonlet: unexpected argument "width=2" after the recipe hints; use a flag/],
  ];
  for (const [args, line] of cases) it(args, () => expectRefusal(args.split(' '), 2, line));
});

describe('a recipe', () => {
  const at = scratch();
  const refused = (text: string, line: string): Promise<void> => {
    const file = at('recipe.json');
    writeFileSync(file, text);
    return expectRefusal(['distill', file, '--out', at('out')], 2, `${file}${line}`);
  };

  it('with an unknown key is refused at the line and column of the key, with the nearest one', async () => {
    const recipe = '{\n  "data": "mnist",\n  "student": "wrn",\n  "stpes": 10\n}\n';
    const file = at('recipe.json');
    writeFileSync(file, recipe);
    const { code, stderr } = await moonlet('distill', file);
    expect(code).to.equal(2);
    expect(stderr.startsWith(`moonlet: ${file}:4:3: `), stderr).to.equal(true);
    expect(stderr).to.include('Unrecognized key: "stpes". Did you mean "steps"? Known: data, student, ');
  });

  it('with an unknown key deep inside, too', async () => {
    const file = at('deep.json');
    writeFileSync(
      file,
      '{ "data": "mnist", "student": "wrn", "steps": 1,\n  "losses": [{ "kind": "logits",\n    "wieght": 2 }] }',
    );
    const { code, stderr } = await moonlet('distill', file);
    expect([code, stderr.startsWith(`moonlet: ${file}:3:5: `)], stderr).to.deep.equal([2, true]);
    expect(stderr).to.include('Unrecognized key: "wieght". Did you mean "weight"?');
  });

  it('of a task that is not known, at its place', () =>
    refused(
      '{\n "task": "parsnig" }',
      ':2:10: no task "parsnig". Did you mean "parsing"? Known: detection, parsing, cross-modal, neuron-selection',
    ));

  it('with stages refuses flags about losses, which its stages have', async () => {
    await expectRefusal(
      ['distill', 'hints', '--alpha', '0.5', '--out', at('out')],
      2,
      /--alpha: the stages of the recipe have losses of their own/,
    );
  });
  it('that is no object', () => refused('[1]', ':1:1: a recipe is an object {...}'));
});

describe('what cannot be done is said in one line, with exit 1', () => {
  it('an impossible block, with the place and the reason', () =>
    expectRefusal(
      ['cheapen', 'wrn', 'depth=40', 'width=2', '--block', 'BG(4,16)', '--json'],
      1,
      'stage1/0/second/conv: M = 8 channels do not divide into 16 groups; choose a divisor of 8',
    ));
  const at = scratch();
  it('a batch norm over one value, before the folder is made', async () => {
    const net = 'mobilenet-v2 width=0.05 size=28 channels=1 classes=10'.split(' ');
    await expectRefusal(
      ['fit', ...net, '--steps', '2', '--batch', '1', '--out', at('one')],
      1,
      'mobilenet-v2 width=0.05 classes=10 size=28 channels=1: the batch norm stage6/0/filter/norm [1, 1, 48] sees one value a channel in a batch of 1, and one value has no variance; take a batch of 2 or more',
    );
    expect(existsSync(at('one'))).to.equal(false);
  });
});

describe('a damaged student', () => {
  const at = scratch();
  const { graphJson, weights } = pack(init(compose('wrn depth=10 size=28 channels=1')));
  /** A student's folder with these files. */
  const student = (name: string, files: { graph?: string; weights?: Uint8Array }): string => {
    mkdirSync(at(name));
    writeFileSync(at(name, 'graph.json'), files.graph ?? graphJson);
    writeFileSync(at(name, 'weights.safetensors'), files.weights ?? weights);
    return at(name);
  };
  const changed = (change: (tensors: Map<string, StoredTensor>) => void): Uint8Array => {
    const tensors = new Map(readSafetensors(weights).tensors);
    change(tensors);
    return writeSafetensors({ tensors, metadata: {} });
  };
  const evaluated = (folder: string, line: string | RegExp): Promise<void> =>
    expectRefusal(['eval', folder, '--json'], 1, line);

  it('whose weights were cut', async () => {
    const folder = student('cut', {});
    truncateSync(at('cut', 'weights.safetensors'), 5000);
    await evaluated(
      folder,
      /^moonlet: .*\/cut\/weights\.safetensors: truncated: ".*" ends at byte \d+ of \d+$/m,
    );
  });

  it('whose header claims 2^60 bytes', async () => {
    const bytes = Uint8Array.from(weights);
    new DataView(bytes.buffer).setBigUint64(0, 2n ** 60n, true);
    await evaluated(
      student('huge', { weights: bytes }),
      /^moonlet: .*\/huge\/weights\.safetensors: the header claims 1152921504606846976 bytes, and the file has \d+ more; it is truncated or no safetensors file$/m,
    );
  });

  it('whose weight has another shape', () =>
    evaluated(
      student('shape', {
        weights: changed((t) =>
          t.set('head/dense:bias', { dtype: 'F32', shape: [9], data: new Float32Array(9) }),
        ),
      }),
      /^moonlet: .*\/shape\/weights\.safetensors: wrn .*: the weight "head\/dense:bias" has shape \[9\]; the graph needs \[10\]$/m,
    ));

  it('whose weight is missing', () =>
    evaluated(
      student('missing', { weights: changed((t) => t.delete('stem/conv:kernel')) }),
      /^moonlet: .*\/weights\.safetensors: wrn .*: the weight "stem\/conv:kernel" \[3, 3, 1, 16\] is missing$/m,
    ));

  it('whose graph is no JSON, or of a later version', async () => {
    await evaluated(
      student('nojson', { graph: graphJson.slice(0, 300) }),
      /^moonlet: .*\/nojson\/graph\.json: not JSON \(.*\); expected a file that toJson wrote$/m,
    );
    await evaluated(
      student('later', { graph: graphJson.replace('"version":1', '"version":2') }),
      /^moonlet: .*\/later\/graph\.json: version 2 is newer than 1, which this release reads; update moonlet$/m,
    );
  });

  it('whose weights are not there', async () => {
    mkdirSync(at('half'));
    writeFileSync(at('half', 'graph.json'), graphJson);
    await evaluated(at('half'), /^moonlet: .*\/half\/weights\.safetensors: cannot be read \(ENOENT\)$/m);
  });

  it('that is sound is shown, by its folder', async () => {
    const { code, stdout, stderr } = await moonlet('show', student('sound', {}), '--text');
    expect([code, stderr, stdout.split('\n')[0]]).to.deep.equal([0, '', 'wrn depth=10 size=28 channels=1']);
  });
});

describe('an OUT folder', () => {
  const at = scratch();
  const run = ['fit', 'wrn', 'depth=10', 'size=28', 'channels=1', '--steps', '1', '--batch', '2', '--out'];

  it('that cannot be written is refused before any work', async () => {
    writeFileSync(at('file'), 'mine');
    const below = at('file', 'out');
    await expectRefusal([...run, below], 1, `${below}: cannot be written (ENOTDIR); choose another folder`);
    await expectRefusal(
      [...run, at('file')],
      1,
      `${at('file')}: cannot be written (EEXIST); choose another folder`,
    );
    expect(readFileSync(at('file'), 'utf8')).to.equal('mine');
  });

  it('that is not empty is refused without --force, and stays as it was', async () => {
    mkdirSync(at('full'));
    writeFileSync(at('full', 'thesis.txt'), 'mine');
    await expectRefusal(
      [...run, at('full')],
      1,
      `${at('full')}: the folder is not empty; choose another, or replace its files with --force (in code, force: true)`,
    );
    expect(readdirSync(at('full'))).to.deep.equal(['thesis.txt']);
  });

  it('is not made for a call that is wrong', async () => {
    await expectRefusal([...run, at('new'), '--rate', 'fast'], 2, '--rate must be a number, got "fast"');
    await expectRefusal(
      [...run, at('new'), '--schedule', 'linear'],
      2,
      '--schedule must be one-cycle, cosine, step or constant, got "linear"',
    );
    await expectRefusal(
      ['fit', 'wrm', '--out', at('new')],
      2,
      /^moonlet: no recipe and no architecture "wrm"/,
    );
    await expectRefusal(['fit', 'wrn', 'classes=7', '--out', at('new')], 1, /^moonlet: /);
    await expectRefusal(['distill', 'wrn', '--out', at('new')], 2, /^moonlet: distill needs a teacher/);
    expect(existsSync(at('new'))).to.equal(false);
  });
});
