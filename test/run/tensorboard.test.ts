/** @file Event files for TensorBoard: their bytes are those of its own writer, and a resumed run takes the place of later steps. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  maskedCrc,
  scalarEvent,
  startEvent,
  tensorBoard,
  tfRecord,
  versionEvent,
} from '../../src/run/tensorboard.ts';
import { line } from '../support/refused.ts';

/** Of scripts/reference/tensorboard_events.py write, by tensorboard's own protobuf classes and RecordWriter. */
const golden =
  'GAAAAAAAAACjf0siCQAAIED8VNlBGg1icmFpbi5FdmVudDoyKzUxEBAAAAAAAAAAlfv+GAkAAFBA/FTZQRCtAjoCCAEjgbEVNQAAAAAAAADWxV3mCQAAgED8VNlBEMCEPSomChEKCnRyYWluL2xvc3MVAAAQQAoRCgp0cmFpbi9yYXRlFc3MzD0RS/jX';

describe('event files', () => {
  it('are made of the bytes of TensorBoard’s own writer', () => {
    const events = [
      versionEvent(1_700_000_000.5),
      startEvent(1_700_000_001.25, 301),
      scalarEvent(1_700_000_002, 1_000_000, { 'train/loss': 2.25, 'train/rate': 0.1 }),
    ];
    expect(Buffer.concat(events.map(tfRecord)).toString('base64')).to.equal(golden);
  });

  it('have the checksum of RFC 3720, masked', () => {
    const unmasked = (masked: number): number => {
      const rotated = (masked - 0xa282ead8) >>> 0;
      return ((rotated >>> 17) | (rotated << 15)) >>> 0;
    };
    expect(unmasked(maskedCrc(new TextEncoder().encode('123456789')))).to.equal(0xe3069283);
    expect(unmasked(maskedCrc(new Uint8Array(32)))).to.equal(0x8a9136aa);
    expect(unmasked(maskedCrc(new Uint8Array(32).fill(0xff)))).to.equal(0x62a8ab43);
  });

  it('are written when they are many, after a while, at a measure and at the end', () => {
    const folder = mkdtempSync(join(tmpdir(), 'moonlet-board-'));
    try {
      let time = 1_700_000_000;
      const board = tensorBoard(join(folder, 'deep', 'runs'), { now: () => time });
      const size = (): number => readFileSync(board.path).length;
      const begun = size();
      expect(begun).to.be.above(0);
      board.scalars(1, { a: 1 });
      expect(size()).to.equal(begun);
      time += 3;
      board.scalars(2, { a: 1 });
      const later = size();
      expect(later).to.be.above(begun);
      board.hooks().onValidation(2, 0.5);
      const measured = size();
      expect(measured).to.be.above(later);
      board.scalars(3, { a: 1 });
      board.close();
      expect(size()).to.be.above(measured);
      expect(readdirSync(join(folder, 'deep', 'runs'))).to.have.length(1);
      expect(board.path).to.match(/events\.out\.tfevents\.1700000000\./);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('name each loss of several, and the stage of a run with stages', () => {
    const folder = mkdtempSync(join(tmpdir(), 'moonlet-board-'));
    try {
      const board = tensorBoard(folder);
      const report = { step: 1, steps: 2, loss: 1, rate: 0.1, losses: { 'cross-entropy': 1, hints: 2 } };
      board.hooks('first/').onStep(report);
      board.hooks().onStep({ ...report, losses: { 'cross-entropy': 1 }, accuracy: 0.5 });
      board.close();
      const text = readFileSync(board.path, 'latin1');
      for (const tag of ['first/train/loss', 'first/train/loss/hints', 'train/accuracy'])
        expect(text).to.include(tag);
      expect(text).not.to.include('first/train/accuracy');
      expect(text.match(/train\/loss\/cross-entropy/g)).to.have.length(1);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('are refused where they cannot be written', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'moonlet-board-'));
    try {
      writeFileSync(join(folder, 'file'), '');
      expect(await line(() => tensorBoard(join(folder, 'file', 'runs')))).to.match(
        /cannot be written \(ENOTDIR\)/,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
