/** @file What fromOnnx refuses and how, where it cuts, and what it takes from names, other files and smaller types. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFloat16 } from '@petamoriken/float16';
import { expect } from 'chai';
import { MoonletError, UsageError } from '../../../src/errors.ts';
import { stages } from '../../../src/graph/stages.ts';
import { fromOnnx } from '../../../src/import/index.ts';
import { encodeModel, int, ints, type OnnxModel, string } from '../../../src/onnx/index.ts';
import { readOnnxFile } from '../../../zoo/index.ts';
import { noise } from '../../support/nets.ts';
import { modelOf, op, real, whole } from '../../support/onnx-build.ts';
import { compared, kindsOf, valuesOf } from '../../support/onnx-models.ts';

const shape = ['n', 3, 8, 8] as const;
const pads = { pads: ints([1, 1, 1, 1]) };
const kernel = real('features.0.weight', [4, 3, 3, 3]);
/** A net as PyTorch's exporter writes it: a body, and an op that we do not have. */
const torch: OnnxModel = {
  ...modelOf(
    shape,
    [
      { ...op('Conv', ['x', 'features.0.weight'], 'a', pads), name: '/features/features.0/Conv' },
      { ...op('Relu', ['a'], 'b'), name: '/features/features.1/Relu' },
      { ...op('LpNormalization', ['b'], 'c'), name: '/norm/LpNormalization' },
      { ...op('GlobalAveragePool', ['c'], 'y'), name: '/pool/GlobalAveragePool' },
    ],
    [kernel],
  ),
  name: 'main_graph',
};
const refused = (
  model: OnnxModel | Uint8Array,
  message: string | RegExp,
  o = {},
  type: typeof MoonletError = MoonletError,
) => expect(() => fromOnnx(model, o)).to.throw(type, message);

describe('fromOnnx', () => {
  it('names the node and the op that it cannot read, and where to cut', () => {
    refused(
      torch,
      'onnx node "/norm/LpNormalization" (LpNormalization): has no counterpart here; to take the part of the net before it, use until: "/norm/LpNormalization" (--until)',
    );
    const cut = fromOnnx(torch, { until: '/norm/LpNormalization' });
    expect(kindsOf(cut)).to.equal('conv, act relu');
    expect(cut.graph.outputs).to.deep.equal(['features/1']);
    expect(kindsOf(fromOnnx(torch, { until: 'a' }))).to.equal('conv');
    refused(
      torch,
      'until: the model has no node or value "/norm/LpNormalisation". Did you mean "/norm/LpNormalization"?',
      { until: '/norm/LpNormalisation' },
      UsageError,
    );
  });

  it('refuses what would be wrong, each with its reason', () => {
    const one = (opType: string, inputs: readonly string[], attributes = {}, constants = [kernel]) =>
      modelOf(shape, [op(opType, inputs, 'y', attributes)], constants);
    const numbers = (name: string, list: readonly number[]) => real(name, [list.length], list);
    refused(
      one('Conv', ['x', 'k'], {}, [real('k', [4, 2, 3, 3])]),
      'reads 3 channels, and its kernel needs 2',
    );
    refused(
      one('Conv', ['x', 'k'], {}, [real('k', [4, 3, 3])]),
      'only convs over height and width have a counterpart',
    );
    refused(
      one('ConvTranspose', ['x', 'features.0.weight']),
      '(ConvTranspose): reads 3 channels, and its kernel needs 4',
    );
    refused(
      one('MaxPool', ['x'], { kernel_shape: ints([2, 2]), dilations: ints([2, 2]) }),
      'dilations 2, 2 of a pool',
    );
    refused(
      one('Pad', ['x', 'p'], { mode: string('reflect') }, [whole('p', [0, 0, 1, 1, 0, 0, 1, 1])]),
      'mode reflect has no counterpart',
    );
    refused(
      one('Pad', ['x', 'p', 'v'], {}, [whole('p', [0, 0, 1, 1, 0, 0, 1, 1]), real('v', [], [1])]),
      'pads with 1; only zeros are read',
    );
    refused(
      one('Add', ['x', 'a'], {}, [real('a', [3, 8, 8])]),
      'a constant of shape [3, 8, 8] varies over places',
    );
    refused(
      one('Resize', ['x', '', 's'], { mode: string('cubic') }, [numbers('s', [1, 1, 2, 2])]),
      'mode cubic, half_pixel has no counterpart',
    );
    refused(one('Softmax', ['x'], { axis: int(2) }), 'its axis is not that of the channels');
    refused(one('MatMul', ['x', 'x']), 'multiplies two values of the net');
    refused(one('Erf', ['x']), /Erf\): outside of a gelu it has no counterpart/);
    refused(one('Reshape', ['x', 'z'], {}, [whole('z', [-1, 64])]), /batch|layout|counterpart/);
    refused(one('Exp', ['x']), '(Exp): has no counterpart here');
    refused(one('Relu', ['z']), 'reads "z", which nothing before it makes; the file is damaged');
    refused({ ...torch, opset: 99 }, 'operator set 99; 7 to 28 are read');
    refused(
      { ...torch, inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 3, 'h', 'w'] }] },
      'leaves height and width open; give them with size',
    );
    refused(
      { ...torch, inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 3, 8] }] },
      'has 3 axes; maps with 4 and vectors with 2 are read',
    );
  });

  it('takes the size of an input that the file leaves open', () => {
    const model = { ...torch, inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 3, 'h', 'w'] }] } as const;
    const net = fromOnnx(model, { size: [16, 12], until: 'b' });
    expect(net.graph.nodes[0]?.op).to.deep.equal({ kind: 'input', shape: [16, 12, 3] });
  });

  const scopes = (list: readonly string[]) => ({
    'pkg.torch.onnx.name_scopes': JSON.stringify(list).replaceAll('"', "'"),
  });
  it('gives a node that the dynamo exporter made itself the path of the value that it moves', () => {
    const nodes = [
      { ...op('Conv', ['x', 'k'], 'a'), name: 'node_conv2d', metadata: scopes(['', 'stage1.0', 'conv2d']) },
      { ...op('Split', ['a', 'h'], 'b c', { axis: int(1) }), name: 'node_Split_7' },
      { ...op('Add', ['b', 'c'], 'y'), name: 'node_add', metadata: scopes(['', 'stage1.1', 'add']) },
    ];
    const model = modelOf(shape, nodes, [real('k', [6, 3, 1, 1]), whole('h', [3, 3])]);
    expect(fromOnnx(model).graph.nodes.map(({ id }) => id)).to.deep.equal([
      'x',
      'stage1/0',
      'stage1/0/split',
      'stage1/0/split_1',
      'stage1/1/add',
    ]);
  });

  it('makes paths of what exporters note, and stages of a pattern', () => {
    const nodes = [
      { ...op('Conv', ['x', 'onnx::Conv_1'], 'a', pads), name: '/layer1/layer1.0/conv1/Conv' },
      { ...op('Relu', ['a'], 'b'), name: '/layer1/layer1.0/relu/Relu' },
      { ...op('Add', ['b', 'a'], 'c'), name: '/layer1/layer1.0/Add' },
      {
        ...op('MaxPool', ['c'], 'd', { kernel_shape: ints([2, 2]), strides: ints([2, 2]) }),
        name: 'node_max_pool2d',
      },
      {
        ...op('Conv', ['d', 'k'], 'e'),
        name: 'node_conv2d_3',
        metadata: scopes(['', 'layer2', 'layer2.0.conv', 'conv2d']),
      },
      {
        ...op('Relu', ['e'], 'y'),
        name: 'node_relu_3',
        metadata: scopes(['', 'layer2', 'layer2.0.act', 'relu']),
      },
    ];
    const model = modelOf(shape, nodes, [real('onnx::Conv_1', [4, 3, 3, 3]), real('k', [6, 4, 1, 1])]);
    const paths = [
      'x',
      'layer1/0/conv1',
      'layer1/0/relu',
      'layer1/0/add',
      'node_max_pool2d',
      'layer2/0/conv',
      'layer2/0/act',
    ];
    expect(fromOnnx(model).graph.nodes.map(({ id }) => id)).to.deep.equal(paths);
    const net = fromOnnx(model, { stages: 'layer*' });
    expect(stages(net.graph).map(({ name, end }) => `${name} ${end}`)).to.deep.equal([
      'stage1 stage1/0/add',
      'stage2 stage2/0/act',
    ]);
    expect([...net.report.tensors]).to.deep.equal([
      ['stage1/0/conv1:kernel', 'onnx::Conv_1'],
      ['stage2/0/conv:kernel', 'k'],
    ]);
    refused(
      model,
      'stages "block*": no path begins so; paths are, for example, layer1/0/conv1',
      { stages: 'block*' },
      UsageError,
    );
  });

  it('reads weights of half precision and of bfloat16', async () => {
    const values = noise(4 * 27, 'half');
    const half = new Uint16Array(values.length);
    const view = new DataView(half.buffer);
    for (const [i, v] of values.entries()) setFloat16(view, 2 * i, v, true);
    const brain = Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
    for (const [dtype, data] of [
      ['float16', half],
      ['bfloat16', brain],
    ] as const) {
      const nodes = [op('Cast', ['k'], 'f', { to: int(1) }), op('Conv', ['x', 'f'], 'y')];
      const { net, difference } = await compared(
        modelOf(shape, nodes, [{ name: 'k', dtype, shape: [4, 3, 3, 3], data }]),
      );
      expect(difference).to.be.below(3e-6);
      expect(valuesOf(net, 'the_Conv_y:kernel').length).to.equal(108);
    }
  });

  it('reads a net of QuantizeLinear and DequantizeLinear as a net of integers', async () => {
    const codes = Int8Array.from(noise(4 * 27, 'codes'), (v) => Math.round(60 * Math.tanh(v)));
    const point = { name: 'z', dtype: 'uint8', shape: [], data: Uint8Array.of(128) } as const;
    const nodes = [
      op('QuantizeLinear', ['x', 'sx', 'z'], 'q'),
      op('DequantizeLinear', ['q', 'sx', 'z'], 'd'),
      op('DequantizeLinear', ['k', 'sk', 'zk'], 'f', { axis: int(0) }),
      op('DequantizeLinear', ['b', 'sb'], 'g', { axis: int(0) }),
      op('Conv', ['d', 'f', 'g'], 'y'),
    ];
    const scales = [0.01, 0.02, 0.005, 0.01];
    const model = modelOf(shape, nodes, [
      real('sx', [], [0.05]),
      point,
      { name: 'k', dtype: 'int8', shape: [4, 3, 3, 3], data: codes },
      real('sk', [4], scales),
      { name: 'zk', dtype: 'int8', shape: [4], data: new Int8Array(4) },
      { name: 'b', dtype: 'int32', shape: [4], data: Int32Array.of(100, -50, 0, 7) },
      real(
        'sb',
        [4],
        scales.map((s) => 0.05 * s),
      ),
    ]);
    const { net, difference } = await compared(model);
    expect(kindsOf(net)).to.equal('quantize, conv');
    expect([...net.weights.values()].map(({ encoding }) => encoding)).to.deep.equal(['quantized', 'float32']);
    expect(net.graph.integers).to.equal('paired');
    expect(difference).to.be.below(1e-5);
  });

  it('shares the weights of one initializer', () => {
    const nodes = [
      op('Conv', ['x', 'w'], 'a', pads),
      op('Relu', ['a'], 'b'),
      op('Conv', ['b', 'w'], 'y', pads),
    ];
    const { graph, weights } = fromOnnx(modelOf(shape, nodes, [real('w', [3, 3, 3, 3])]));
    expect(graph.nodes.flatMap(({ weightsOf }) => weightsOf ?? [])).to.deep.equal([graph.nodes[1]?.id]);
    expect(weights.size).to.equal(1);
  });
});

describe('an .onnx file', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'onnx-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const external = (location: string): Uint8Array => {
    // the encoder writes no external data: the message is put together by hand
    const text = (field: number, s: string) => [(field << 3) | 2, s.length, ...Buffer.from(s)];
    const entry = (key: string, value: string) => {
      const body = [...text(1, key), ...text(2, value)];
      return [(13 << 3) | 2, body.length, ...body];
    };
    const tensor = [
      8,
      4,
      8,
      3,
      8,
      3,
      8,
      3,
      16,
      1,
      ...text(8, 'w'),
      ...entry('location', location),
      ...entry('offset', '4'),
      ...entry('length', '432'),
      14 << 3,
      1,
    ];
    const model = encodeModel(modelOf(shape, [op('Conv', ['x', 'w'], 'y')]));
    const graph = [(5 << 3) | 2, ...varint(tensor.length), ...tensor];
    // a second graph field is merged with the first one
    return Uint8Array.from([...model, (7 << 3) | 2, ...varint(graph.length), ...graph]);
  };
  const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]);

  it('takes weights from files of its folder, and from no others', () => {
    const data = noise(109, 'data');
    writeFileSync(join(folder, 'w.bin'), new Uint8Array(data.buffer));
    writeFileSync(join(folder, 'good.onnx'), external('w.bin'));
    const net = readOnnxFile(join(folder, 'good.onnx'));
    const [, conv] = net.graph.nodes;
    expect(valuesOf(net, `${conv?.id ?? ''}:kernel`)[0]).to.equal(data[1]);
    mkdirSync(join(folder, 'sub'));
    for (const location of ['../w.bin', '/etc/hostname', 'sub/../../w.bin', 'C:\\w.bin', '']) {
      writeFileSync(join(folder, 'sub', 'bad.onnx'), external(location));
      expect(() => readOnnxFile(join(folder, 'sub', 'bad.onnx'))).to.throw(
        MoonletError,
        'which is not inside the folder of the model',
      );
    }
    symlinkSync(join(folder, 'w.bin'), join(folder, 'sub', 'link.bin'));
    writeFileSync(join(folder, 'sub', 'link.onnx'), external('link.bin'));
    expect(() => readOnnxFile(join(folder, 'sub', 'link.onnx'))).to.throw(
      MoonletError,
      'outside the folder of the model',
    );
    writeFileSync(join(folder, 'none.onnx'), external('none.bin'));
    expect(() => readOnnxFile(join(folder, 'none.onnx'))).to.throw(
      MoonletError,
      'none.bin: cannot be read (ENOENT)',
    );
    expect(() => fromOnnx(external('w.bin'))).to.throw(
      MoonletError,
      'needs the file "w.bin" in the folder of the model',
    );
    writeFileSync(join(folder, 'w.bin'), new Uint8Array(100));
    expect(() => readOnnxFile(join(folder, 'good.onnx'))).to.throw(
      MoonletError,
      'has 100 bytes, too few for 432 at 4',
    );
  });
});

describe('a damaged model', () => {
  it('of millions of entries is refused before it takes memory', () => {
    const empty = new Uint8Array(5_000_000);
    for (let i = 0; i < empty.length; i += 2) empty[i] = 10; // nodes without a field
    const bytes = Uint8Array.from([(7 << 3) | 2, 0xc0, 0x96, 0xb1, 0x02, ...empty]);
    refused(bytes, 'more than 2097152 nodes, attributes and tensors');
  });
});
