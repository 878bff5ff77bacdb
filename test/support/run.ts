/** @file What a net computes, by the definition that training uses: `forward`, traced once and run natively. */
import { compile, prepare } from '../../src/engine/index.ts';
import { inputShape } from '../../src/graph/index.ts';
import { codeTensors, forward, type WeightTensors, weightTensors } from '../../src/read/tfjs/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { sizeOf } from './nets.ts';

/** All outputs of a batch of examples, one array after another. */
export async function runForward({ graph, weights }: Net, x: Float32Array): Promise<Float32Array> {
  const example = inputShape(graph);
  const shape = [x.length / sizeOf(example), ...example];
  const ready = await prepare(
    (_, inputs) => {
      const codes = codeTensors({ graph, weights });
      const { values } = forward(graph, weightTensors(weights) as WeightTensors, inputs['x'] as never, {
        codes,
      });
      return { state: {}, outputs: Object.fromEntries([...values.values()].map((v, i) => [`y${i}`, v])) };
    },
    { state: {}, inputs: { x: { shape } } },
  );
  const { outputs } = await ready.run({}, { x });
  await ready.release();
  return Float32Array.from(Object.values(outputs).flatMap((y) => [...y]));
}

/** The first output of a batch, by the compiled net. */
export async function runCompiled(net: Net, x: Float32Array): Promise<Float32Array> {
  const runner = await compile(net);
  const [values] = [...(await runner.run(x)).values()];
  await runner.release();
  return values as Float32Array;
}
