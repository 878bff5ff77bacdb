import { expectStepsAgree } from '../support/agreement.ts';
import { blockName, everyBlock } from '../support/blocks.ts';
import { small } from '../support/nets.ts';
for (const name of ['efficientformer-v2', 'efficientformer'])
  for (const engine of ['plain', ...everyBlock.map((block) => ({ block }))] as const)
    it(`${name} ${typeof engine === 'string' ? engine : blockName(engine.block)}`, () =>
      expectStepsAgree(small(name), { engine, reference: 'onnxruntime', batch: 4 }));
