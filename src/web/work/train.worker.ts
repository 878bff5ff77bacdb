/** @file The worker that trains: a student with or without its teacher, and nets that grow. */
import { chooseEngine, type Engine, type Tries } from './engine.ts';
import { type Growable, growNet, openNet, trainOn } from './growing.ts';
import { serve } from './rpc.ts';
import { trainingThreads, useThreads } from './threads.ts';
import { type Ended, type Job, stopRun, train } from './training.ts';

const ready = useThreads(trainingThreads());
ready.catch(() => {}); // what needs it says what is wrong

const methods = {
  async choose(tries: Tries): Promise<Engine> {
    await ready;
    return chooseEngine(tries);
  },
  async train(job: Job): Promise<Ended> {
    await ready;
    return train(job);
  },
  async openNet(...args: Parameters<typeof openNet>): Promise<Growable> {
    await ready;
    return openNet(...args);
  },
  growNet,
  trainOn,
  stop: (): void => stopRun(),
};
export type TrainMethods = typeof methods;
serve(methods);
