#!/usr/bin/env bash
# onnxruntime-web 1.30.0, WebGPU: four kinds of convs give other values than on WebAssembly, without an error or a warning:
#   A. Conv of one group whose input channels are a multiple of 3 but not of 4, from 6 up, and whose output channels are a multiple of 4
#      (6 to 8 channels is wrong; 5 to 8, 6 to 7, 12 to 8 are right);
#   B. Conv of groups that make 5, 6, 7, 9 ... channels each, where 4, or else 2, divides all output channels but not those of a group
#      (2 groups of 6 are wrong; 2 groups of 4, 3 groups of 6 are right);
#   C. ConvTranspose of groups that make one channel each of an even number (2 groups, 4 to 2 channels; 6 to 2 is right);
#   D. Conv of one group and stride 1 whose kernel is 1x1 or as large as the image, padded behind and not before (pads [0, 0, 0, 1]; also
#      [0, 0, 1, 1] with a kernel of 8x8 on 8x8; [0, 1, 0, 1] is right).
# Values are wrong by about as much as they are large. Seen in Chromium on SwiftShader, a WebGPU adapter in software; not tried on a graphics
# card. Needs a Chromium on this machine: /usr/bin/chromium, or CHROMIUM.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
cd "$dir"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund onnxruntime-web@1.30.0 playwright-core@1.57.0
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check onnx==1.20.1 numpy==2.4.1
venv/bin/python - <<'PY'
import json
import onnx
from onnx import TensorProto, helper

cases = [  # kind, input channels, output channels, groups; size of the kernel and pads, else 3 and none
    ('Conv', 6, 8, 1), ('Conv', 9, 4, 1), ('Conv', 5, 8, 1), ('Conv', 6, 7, 1), ('Conv', 12, 8, 1),
    ('Conv', 4, 12, 2), ('Conv', 4, 10, 2), ('Conv', 4, 8, 2), ('Conv', 3, 18, 3),
    ('ConvTranspose', 4, 2, 2), ('ConvTranspose', 6, 2, 2), ('ConvTranspose', 4, 4, 2),
    ('Conv', 4, 5, 1, 1, [0, 0, 0, 1]), ('Conv', 4, 5, 1, 8, [0, 0, 1, 1]), ('Conv', 4, 5, 1, 1, [0, 1, 0, 1]), ('Conv', 4, 5, 1, 3, [0, 0, 1, 0]),
]
for i, (kind, channels, filters, groups, *form) in enumerate(cases):
    size, pads = form or (3, [0, 0, 0, 0])
    rows = [filters, channels // groups] if kind == 'Conv' else [channels, filters // groups]
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(
        [helper.make_node(kind, ['x', 'k'], ['y'], group=groups, kernel_shape=[size, size], pads=pads)],
        'conv', [value('x', [1, channels, 8, 8]), value('k', [*rows, size, size])], [value('y', [1, filters, None, None])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9), f'{i}.onnx')
    names = f'{kind} {channels} to {filters} in {groups}' + (f', {size}x{size}, pads {pads}' if form else '')
    cases[i] = {'name': names, 'x': [1, channels, 8, 8], 'k': [*rows, size, size]}
json.dump(cases, open('cases.json', 'w'))
PY
cat >run.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

const page = `<!doctype html><script type="module">
import * as ort from '/node_modules/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs';
ort.env.wasm.numThreads = 1;
const made = (shape, seed) => Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(seed + i * 12.9898));
async function on(provider, i, { x, k }) {
  const session = await ort.InferenceSession.create('/' + i + '.onnx', { executionProviders: [provider] });
  const { y } = await session.run({ x: new ort.Tensor('float32', made(x, 1), x), k: new ort.Tensor('float32', made(k, 2), k) });
  return [...await y.getData()];
}
globalThis.found = (async () => {
  const lines = [];
  for (const [i, entry] of (await (await fetch('/cases.json')).json()).entries()) {
    const [right, values] = [await on('wasm', i, entry), await on('webgpu', i, entry)];
    const size = Math.max(...right.map(Math.abs));
    const off = Math.max(...right.map((value, j) => Math.abs(value - values[j]))) / size;
    lines.push(entry.name + ': ' + (off > 0.1 ? 'wrong' : off < 1e-5 ? 'right' : 'unclear'));
  }
  return lines;
})();
</script>`;
const types = { mjs: 'text/javascript', wasm: 'application/wasm', json: 'application/json' };
const server = createServer(({ url }, response) => {
  try {
    const content = url === '/' ? page : readFileSync('.' + url);
    response.writeHead(200, { 'content-type': types[url.split('.').at(-1)] ?? (url === '/' ? 'text/html' : 'application/octet-stream') });
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
}).listen(0);
const args = ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args });
const tab = await browser.newPage();
await tab.goto('http://localhost:' + server.address().port);
await tab.waitForFunction(() => 'found' in globalThis);
console.log((await tab.evaluate(() => globalThis.found)).join('\n'));
await browser.close();
server.close();
JS
got=$(node run.mjs)
echo "$got"
want='Conv 6 to 8 in 1: wrong
Conv 9 to 4 in 1: wrong
Conv 5 to 8 in 1: right
Conv 6 to 7 in 1: right
Conv 12 to 8 in 1: right
Conv 4 to 12 in 2: wrong
Conv 4 to 10 in 2: wrong
Conv 4 to 8 in 2: right
Conv 3 to 18 in 3: right
ConvTranspose 4 to 2 in 2: wrong
ConvTranspose 6 to 2 in 2: right
ConvTranspose 4 to 4 in 2: right
Conv 4 to 5 in 1, 1x1, pads [0, 0, 0, 1]: wrong
Conv 4 to 5 in 1, 8x8, pads [0, 0, 1, 1]: wrong
Conv 4 to 5 in 1, 1x1, pads [0, 1, 0, 1]: right
Conv 4 to 5 in 1, 3x3, pads [0, 0, 1, 0]: right'
[ "$got" = "$want" ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
