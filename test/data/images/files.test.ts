/** @file Files of pictures, decoded as by Pillow to the last bit; what is no picture is refused in one line. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { inChannels } from '../../../src/data/images/index.ts';
import { decodePicture, readPicture } from '../../../src/data/index.ts';
import { line } from '../../support/refused.ts';

interface File {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly sha256: string;
}
const { files, by }: { readonly files: readonly File[]; readonly by: string } = JSON.parse(
  readFileSync('test/data/images/reference.json', 'utf8'),
);
const at = (name: string): string => join('test/data/images/files', name);
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('files of pictures', () => {
  for (const { file, width, height, sha256 } of files.filter((f) => f.file !== 'deep-grey.png'))
    it(`${file} is decoded as by ${by}`, async () => {
      const picture = await readPicture(at(file));
      expect([picture.width, picture.height, picture.channels]).to.deep.equal([width, height, 3]);
      expect(digest(picture.data)).to.equal(sha256);
    });

  it('of 16 bits of grey give the upper 8, where Pillow cuts off at 255', async () => {
    const { data } = await readPicture(at('deep-grey.png'), { channels: 1 });
    const colours = await readPicture(at('deep.png'));
    expect(data).to.have.length(30);
    expect(new Set(data).size).to.be.above(20);
    // both files hold the same numbers, the grey one the first 30 of them
    expect([...data]).to.deep.equal([...colours.data.subarray(0, 30)]);
  });

  it('are grey where a net takes grey', async () => {
    const colour = await readPicture(at('rgb.png'));
    const grey = await readPicture(at('rgb.png'), { channels: 1 });
    expect([...grey.data]).to.deep.equal([...inChannels(colour, 1).data]);
  });

  it('stay as they lie when orientation is not asked for', async () => {
    const [turned, flat] = [
      await readPicture(at('turned-6.png')),
      await readPicture(at('turned-6.png'), { orient: false }),
    ];
    expect([turned.width, turned.height, flat.width, flat.height]).to.deep.equal([21, 33, 33, 21]);
  });

  describe('are refused by name', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pictures-'));
    after(() => rmSync(folder, { recursive: true, force: true }));
    const cases: readonly (readonly [string, Uint8Array | undefined, RegExp])[] = [
      ['gone.jpg', undefined, /gone\.jpg: cannot be read \(ENOENT\); check the path$/],
      ['empty.jpg', new Uint8Array(), /empty\.jpg: the file is empty; remove it or fetch it again$/],
      [
        'text.jpg',
        Buffer.from('no picture'),
        /text\.jpg: is no PNG, JPEG or WebP, or is damaged \(.+\); remove it or fetch it again$/,
      ],
      [
        'cut.jpg',
        readFileSync(at('q90.jpg')).subarray(0, 700),
        /cut\.jpg: is no PNG, JPEG or WebP, or is damaged/,
      ],
      [
        'cut.png',
        readFileSync(at('rgb.png')).subarray(0, 400),
        /cut\.png: is no PNG, JPEG or WebP, or is damaged/,
      ],
      [
        'drawn.png',
        Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
        /drawn\.png: a picture of the kind svg; convert it/,
      ],
    ];
    for (const [name, bytes, text] of cases)
      it(name, async () => {
        if (bytes) writeFileSync(join(folder, name), bytes);
        expect(await line(() => readPicture(join(folder, name)))).to.match(text);
      });

    it('and by the name that is given with bytes', async () => {
      expect(await line(() => decodePicture(new Uint8Array(), 'upload 7'))).to.equal(
        'upload 7: the file is empty; remove it or fetch it again',
      );
    });
  });
});
