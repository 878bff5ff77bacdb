/** @file Progress on stderr: a bar on a terminal, and single lines elsewhere. */
import cliProgress from 'cli-progress';
import type { StepReport } from '../learn/train/index.ts';
import { note } from './say.ts';

const duration = (seconds: number): string =>
  seconds < 60 ? `${Math.round(seconds)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;

export interface Bar {
  step(at: StepReport): void;
  /** A line of its own, above the bar. */
  say(text: string): void;
  end(): void;
}

/** Progress of a training run: a bar on a terminal, a line now and then elsewhere. Counts images and time left. */
export function trainingBar(label: string, steps: number, batch: number, from = 0): Bar {
  const start = performance.now();
  const rates = (done: number): { speed: string; left: string } => {
    const seconds = (performance.now() - start) / 1000;
    const perStep = seconds / Math.max(1, done - from);
    return { speed: `${Math.round(batch / perStep)} images/s`, left: duration((steps - done) * perStep) };
  };
  let smooth = Number.NaN;
  const told = (at: StepReport): string => {
    smooth = Number.isNaN(smooth) ? at.loss : 0.95 * smooth + 0.05 * at.loss;
    return smooth.toFixed(4);
  };
  if (!process.stderr.isTTY) return plainBar(label, steps, told, rates);
  const bar = new cliProgress.SingleBar({
    format: `${label} {bar} {value}/{total}  mean loss {loss}  {speed}  {left} left`,
    stream: process.stderr,
    hideCursor: true,
    fps: 5,
  });
  bar.start(steps, from, { loss: '-', speed: '-', left: '-' });
  return {
    step: (at) => bar.update(at.step, { loss: told(at), ...rates(at.step) }),
    say: (text) => {
      process.stderr.write('\r\x1b[K');
      note(text);
    },
    end: () => bar.stop(),
  };
}

/** Progress of work that is not training: a bar on a terminal, a line every five seconds elsewhere. */
export function workBar(label: string): (done: number, total: number) => void {
  let start = performance.now();
  let last = start;
  let bar: cliProgress.SingleBar | undefined;
  return (done, total) => {
    const now = performance.now();
    if (done === 0) [start, last] = [now, now];
    const left = done ? duration((((now - start) / 1000) * (total - done)) / done) : '-';
    if (process.stderr.isTTY) {
      if (!bar) {
        bar = new cliProgress.SingleBar({
          format: `${label} {bar} {value}/{total}  {left} left`,
          stream: process.stderr,
          hideCursor: true,
          fps: 5,
        });
        bar.start(total, 0, { left });
      }
      bar.update(done, { left });
      if (done < total) return;
      bar.stop();
      bar = undefined;
    } else if (done === total || now - last >= 5000) {
      last = now;
      note(`${label} ${done}/${total}${done < total ? `  ${left} left` : ''}`);
    }
  };
}

/** Where lines go to a file or a log: one every five seconds, and the last. */
function plainBar(
  label: string,
  steps: number,
  told: (at: StepReport) => string,
  rates: (done: number) => { speed: string; left: string },
): Bar {
  let last = performance.now();
  return {
    step: (at) => {
      const loss = told(at);
      if (at.step < steps && performance.now() - last < 5000) return;
      last = performance.now();
      const { speed, left } = rates(at.step);
      note(
        `${label} ${at.step}/${steps}  mean loss ${loss}  ${speed}${at.step < steps ? `  ${left} left` : ''}`,
      );
    },
    say: note,
    end: () => {},
  };
}
