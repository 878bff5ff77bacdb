/** @file Pictures of a canvas, with objects that stand for those of a browser. */
import { expect } from 'chai';
import { fromBrowser, fromImageData } from '../../../src/data/images/index.ts';
import { line, usage } from '../../support/refused.ts';

const pixels = { width: 2, height: 1, data: Uint8ClampedArray.of(255, 0, 10, 255, 9, 8, 7, 0) };

describe('pictures of a canvas', () => {
  it('are RGB without alpha, or grey', () => {
    expect(fromImageData(pixels)).to.deep.equal({
      ...{ width: 2, height: 1, channels: 3 },
      data: Uint8Array.of(255, 0, 10, 9, 8, 7),
    });
    expect([...fromImageData(pixels, 1).data]).to.deep.equal([77, 8]);
  });

  it('of another length are refused', async () => {
    expect(await usage(() => fromImageData({ ...pixels, width: 3 }))).to.equal(
      'picture: 3 x 1 pixels of a canvas have 12 bytes, got 8',
    );
  });

  it('need no browser where they are ImageData, and one for files', async () => {
    expect((await fromBrowser(pixels)).data).to.have.length(6);
    expect(await usage(() => fromBrowser(new Blob(['x'])))).to.equal(
      'fromBrowser: there is no canvas here; in Node read pictures by readPicture of moonlet/data',
    );
  });

  describe('of files', () => {
    const told: unknown[] = [];
    let closed = 0;
    class Canvas {
      constructor(width: number, height: number) {
        told.push([width, height]);
      }
      getContext = () => ({
        drawImage: (...all: unknown[]) => told.push(all.slice(1)),
        getImageData: () => pixels,
      });
    }
    const stand = {
      OffscreenCanvas: Canvas,
      createImageBitmap: async (file: Blob, options: unknown) => {
        if ((await file.text()) === 'text') throw new Error('The source image could not be decoded.');
        told.push(options);
        return { width: 2, height: 1, close: () => closed++ };
      },
    };
    before(() => void Object.assign(globalThis, stand));
    after(() => {
      for (const name of Object.keys(stand)) Reflect.deleteProperty(globalThis, name);
    });

    it('are decoded by the browser without colour profiles, turned by EXIF', async () => {
      expect([...(await fromBrowser(new Blob(['png']))).data]).to.deep.equal([255, 0, 10, 9, 8, 7]);
      expect(told).to.deep.equal([
        { imageOrientation: 'from-image', premultiplyAlpha: 'none', colorSpaceConversion: 'none' },
        [2, 1],
        [0, 0],
      ]);
      expect(closed).to.equal(1);
    });

    it('that it cannot decode are refused', async () => {
      expect(await line(() => fromBrowser(new Blob(['text'], { type: 'text/plain' })))).to.equal(
        'picture: the browser does not decode this file of type "text/plain" (The source image could not be decoded.); give PNG, JPEG or WebP',
      );
    });
  });
});
