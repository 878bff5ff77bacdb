#!/usr/bin/env bash
# onnxruntime-web 1.30.0 beside onnxruntime-node 1.30.0 in one process of Node: required (CommonJS), both give the same InferenceSession and
# one list of backends, so that a session that is made by onnxruntime-web runs on the native library as soon as onnxruntime-node was
# loaded by anybody. Imported (ES modules), they are apart, and the session runs on WebAssembly. A comparison of the two by tests that
# are compiled to CommonJS compares the native library with itself.
# Seen: required: the same class, and the session's handler is the native OnnxruntimeSessionHandler; imported: another class, and a
# handler of onnxruntime-web's own, whose name is minified.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --onnxruntime-node-install=skip onnxruntime-node@1.30.0 onnxruntime-web@1.30.0
cat >show.cjs <<'JS'
// one Relu
const model = Buffer.from('CAgSAW06MwoMCgF4EgF5IgRSZWx1EgFnWg8KAXgSCgoICAESBAoCCAFiDwoBeRIKCggIARIECgIIAUIECgAQEg==', 'base64');
module.exports = async (web, node) => {
  const session = await web.InferenceSession.create(new Uint8Array(model));
  console.log(web.InferenceSession === node.InferenceSession, session.handler.constructor.name.length > 2 ? session.handler.constructor.name : 'minified');
  process.exit(0);
};
JS
cat >required.cjs <<'JS'
const node = require('onnxruntime-node');
require('./show.cjs')(require('onnxruntime-web'), node);
JS
cat >imported.mjs <<'JS'
import node from 'onnxruntime-node';
import * as web from 'onnxruntime-web';
import show from './show.cjs';
show(web, node);
JS
got="$(node required.cjs) | $(node imported.mjs)"
echo "required | imported: $got"
[ "$got" = 'true OnnxruntimeSessionHandler | false minified' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
