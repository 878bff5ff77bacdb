/** @file No gradient of a kernel that a trace can hold goes without a guard, and docs/tracing.md names them. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { marked, marks, table } from '../../scripts/lib/markdown.ts';
import { guardRows, guards, unguarded } from '../support/gradients.ts';

describe('gradients of kernels that a trace can hold', () => {
  it('are all run by a case that is held to PyTorch, or need none', async () => {
    const idle = [...(await guards())].filter(([, ops]) => !ops.length).map(([kernel]) => kernel);
    expect(idle).to.deep.equal(Object.keys(unguarded).sort());
  });

  it('are listed in docs/tracing.md (npx tsx scripts/docs/gradients.ts writes it)', async () => {
    const page = readFileSync('docs/tracing.md', 'utf8');
    expect(marked(page, marks('scripts/docs/gradients.ts'))).to.equal(table(await guardRows(), [0, 1, 2]));
  });
});
