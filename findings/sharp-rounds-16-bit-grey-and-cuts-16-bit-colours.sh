#!/usr/bin/env bash
# sharp 0.35.5 (libvips 8.18): raw bytes of a PNG of 16 bits a channel are scaled and rounded (v / 257) where it is grey, and cut (v >> 8) where it
# is coloured, so that the same values are other bytes in a grey and in an RGB file. Two loaders of one data set, one of which stores
# grey pictures as RGB, disagree by 1.
# Seen: values 0x00ff, 0x80ff, 0xfe00: grey 1 129 253; RGB 0 128 254.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sharp@0.35.5
cat >run.mjs <<'JS'
import zlib from 'node:zlib';
import sharp from 'sharp';

const chunk = (kind, data) => {
  const body = Buffer.concat([Buffer.from(kind), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc(body));
  return Buffer.concat([length, body, check]);
};
const crc = (bytes) => {
  let c = -1;
  for (const b of bytes) {
    c ^= b;
    for (let k = 0; k < 8; k++) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0);
  }
  return (c ^ -1) >>> 0;
};
const values = [0x00ff, 0x80ff, 0xfe00];
const png = (channels) => {
  const row = Buffer.from([0, ...values.flatMap((v) => Array(channels).fill([v >> 8, v & 255]).flat())]);
  const head = Buffer.from([0, 0, 0, values.length, 0, 0, 0, 1, 16, channels === 1 ? 0 : 2, 0, 0, 0]);
  const start = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const parts = [chunk('IHDR', head), chunk('IDAT', zlib.deflateSync(row)), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([start, ...parts]);
};
const bytes = async (channels, space) => {
  const { data, info } = await sharp(png(channels)).toColourspace(space).raw().toBuffer({ resolveWithObject: true });
  return values.map((_, i) => data[i * info.channels]).join(' ');
};
console.log(`${await bytes(1, 'b-w')} | ${await bytes(3, 'srgb')}`);
JS
got=$(node run.mjs)
echo "grey | RGB: $got"
[ "$got" = '1 129 253 | 0 128 254' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
