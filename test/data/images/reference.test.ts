/** @file Resizing and preparing pictures, to the last bit what Pillow and timm make of them. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  inChannels,
  normalized,
  type Preparation,
  prepared,
  resize,
} from '../../../src/data/images/index.ts';
import { type Made, madePicture } from '../../support/pictures.ts';

interface Told {
  readonly sha256: string;
  /** Base64, of small pictures. */
  readonly bytes?: string;
}
interface Reference {
  readonly by: string;
  readonly resized: readonly (Made & Told & { to: [number, number]; interpolation: string })[];
  readonly prepared: readonly (Made & Told & { how: Preparation })[];
  readonly grey: readonly (Made & Told)[];
}
const reference: Reference = JSON.parse(readFileSync('test/data/images/reference.json', 'utf8'));

function same(got: Uint8Array, { sha256, bytes }: Told, what: string): void {
  if (bytes !== undefined) expect([...got], what).to.deep.equal([...Buffer.from(bytes, 'base64')]);
  expect(createHash('sha256').update(got).digest('hex'), what).to.equal(sha256);
}

describe('pictures', () => {
  it(`are resized as by ${reference.by}, to the last bit`, () => {
    for (const { to, interpolation, ...p } of reference.resized)
      same(
        resize(madePicture(p), ...to, interpolation).data,
        p,
        `${p.width}x${p.height} -> ${to} ${interpolation}`,
      );
    expect(reference.resized).to.have.length.above(90);
  });

  it('are resized and cropped as by timm, to the last bit', () => {
    for (const { how, ...p } of reference.prepared)
      same(prepared(inChannels(madePicture(p), 3), how), p, `${p.width}x${p.height} ${JSON.stringify(how)}`);
    expect(reference.prepared).to.have.length.above(100);
  });

  it("become grey as by Pillow's convert('L'), to the last bit", () => {
    for (const p of reference.grey) same(inChannels(madePicture(p), 1).data, p, `${p.width}x${p.height}`);
  });
});

describe('preparing a picture', () => {
  const picture = madePicture({ seed: 3, width: 20, height: 10, channels: 3 });
  const how = { size: 8, mean: [0.5, 0.4, 0.3], std: [0.5, 0.25, 1], crop: 1 };

  it('makes no more of a long strip than the crop takes', () => {
    // at full length 60,000 x 2 would become 7,680,000 x 256
    const strip = madePicture({ seed: 2, width: 60_000, height: 2, channels: 3 });
    const large = { ...how, size: 224, crop: 0.875 };
    expect(prepared(strip, large)).to.have.length(224 * 224 * 3);
    const short = madePicture({ seed: 2, width: 60, height: 2, channels: 3 });
    const [wide, part] = [resize(short, 300, 10, 'bilinear'), prepared(short, { ...how, size: 10 })];
    expect([...part.subarray(0, 30)]).to.deep.equal([...wide.data.subarray(145 * 3, 155 * 3)]);
  });

  it('turns RGB into BGR where a net takes that', () => {
    const [rgb, bgr] = [prepared(picture, how), prepared(picture, { ...how, channels: 'bgr' })];
    expect([...bgr.subarray(0, 6)]).to.deep.equal([rgb[2], rgb[1], rgb[0], rgb[5], rgb[4], rgb[3]]);
  });

  it('normalizes each channel, after scaling to the range', () => {
    const bytes = Uint8Array.of(255, 0, 51);
    const near = (p: Preparation, wanted: readonly number[]): void =>
      [...normalized(bytes, p)].forEach((v, i) => {
        expect(v).to.be.closeTo(wanted[i] ?? Number.NaN, 1e-5);
      });
    near(how, [1, -1.6, -0.1]);
    near(
      { ...how, range: [0, 255], mean: [103.939, 116.779, 123.68], std: [1, 1, 1] },
      [151.061, -116.779, -72.68],
    );
    near({ ...how, range: [-1, 1], mean: [0, 0, 0], std: [1, 1, 1] }, [1, -1, -0.6]);
  });

  it('refuses in one line what cannot be', () => {
    const refused = (change: Partial<Preparation>, text: string): void => {
      expect(() => prepared(picture, { ...how, ...change })).to.throw(`preprocessing: ${text}`);
    };
    refused({ size: 0 }, 'size must be a whole number from 1 to 4096, got 0');
    refused({ mean: [0, 0] }, 'mean and std must be 1 number for grey or 3 for RGB, got 2 and 3');
    refused({ std: [1, 0, 1] }, 'std must be above 0, got 1, 0, 1');
    refused({ interpolation: 'lanczos' }, 'interpolation must be bilinear or bicubic, got "lanczos"');
    refused({ crop: 0 }, 'crop must be a share above 0, got 0');
    refused({ cropMode: 'middle' }, 'cropMode must be center, squash, border, got "middle"');
    refused({ channels: 'lab' }, 'channels must be rgb, bgr or gray, got "lab"');
    expect(() => resize(picture, 0, 3, 'bilinear')).to.throw(
      'resize: width must be a whole number from 1 up, got 0',
    );
    expect(() => resize({ ...picture, width: 21 }, 3, 3, 'bilinear')).to.throw(
      'picture: 21 x 10 with 3 channels has 630 bytes, got 600',
    );
  });
});
