/** @file Turns of the event loop during a run. */

/** Milliseconds that a run may take before others have their turn: three frames of a page. */
const turnMs = 50;

/**
 * Lets the event loop turn when the last turn is more than 50 ms ago. In browsers all steps of a run are one chain of microtasks,
 * behind which a page does not paint and a worker hears no message, such as that it shall stop.
 */
export function turns(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < turnMs) return;
    await new Promise<void>((resolve) => {
      // timers of hidden pages are slowed down to one a second, messages are not
      if ('setImmediate' in globalThis) return void setImmediate(resolve);
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    });
    last = performance.now();
  };
}
