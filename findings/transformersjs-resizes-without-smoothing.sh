#!/usr/bin/env bash
# @huggingface/transformers 4.3.2 in Node makes images smaller by `bilinear` and `bicubic` without smoothing them first; its source
# says that this matches Pillow, which smooths for every filter. So classifiers whose preprocessor_config.json says one of the two
# get other pixels than in Python, the more the larger the photograph: 1 to 7 of 255 in the mean at 450 to 1400 pixels a side.
# Seen: stripes of one pixel, 0 and 255, made four times smaller, are 0 by bilinear and bicubic and 128 by lanczos; Pillow
# gives 127 or 128 by all three.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
printf '{"private":true,"type":"module"}\n' > package.json
printf 'onnxruntime-node-install=skip\nloglevel=error\nfund=false\naudit=false\n' > .npmrc
npm install --silent --save-exact @huggingface/transformers@4.3.2
cat > show.js <<'EOF'
import { RawImage } from '@huggingface/transformers';
const side = 64;
const stripes = new Uint8ClampedArray(3 * side * side).map((_, i) => (Math.floor(i / 3) % 2 ? 255 : 0));
let changed = false;
for (const [resample, name, smooth] of [[2, 'bilinear', false], [3, 'bicubic', false], [1, 'lanczos', true]]) {
  const small = await new RawImage(stripes, side, side, 3).resize(side / 4, side / 4, { resample });
  const row = [...small.data.subarray(3 * 8 * (side / 4), 3 * 9 * (side / 4))].filter((_, i) => i % 3 === 0).slice(4, 12);
  const isSmooth = row.every((v) => Math.abs(v - 127) < 30);
  console.log(`${name}: ${row.join(' ')}`);
  changed ||= isSmooth !== smooth;
}
if (changed) {
  console.error('changed: filters smooth otherwise than when this was written');
  process.exit(1);
}
EOF
node show.js
