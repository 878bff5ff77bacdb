/** @file One writer in a folder: the second is refused, and what a dead process left is nobody's. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect } from 'chai';
import { withOut } from '../../src/files/index.ts';
import { hasEnded, type Owner, pidEnded, thisProcess } from '../../src/files/owner.ts';
import { scratch } from '../support/cli.ts';

const options = { force: true, writes: ['graph.json'] };
const dead = 2 ** 30;

describe('a lock', () => {
  const at = scratch();
  /** What a try to write into the folder ends with: nothing, or its refusal. */
  const tried = (folder: string, waitMs = 0): Promise<string | undefined> =>
    withOut(folder, { ...options, waitMs }, () => undefined).catch((e: Error) => e.message);
  /** A lock that another left, beside the folder or in it. */
  const leave = (folder: string, owner: Partial<Owner>, beside: boolean): string => {
    const name = `.moonlet-${owner.pid ?? 1}-0123abcd.lock`;
    const file = beside ? join(dirname(folder), `.${basename(folder)}${name}`) : join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify({ ...thisProcess(), ...owner }));
    return file;
  };

  for (const there of [false, true])
    it(`lets one in, and names it to the other, where the folder ${there ? 'is' : 'is not'} there`, async () => {
      const folder = at(`one-${there}`);
      if (there) mkdirSync(folder);
      if (there) writeFileSync(join(folder, 'thesis.txt'), 'mine');
      await withOut(folder, options, async () => {
        expect(await tried(folder)).to.equal(
          `${folder}: process ${process.pid} is writing there; wait for it, or choose another folder`,
        );
      });
      expect(await tried(folder)).to.equal(undefined);
      expect(
        [...readdirSync(at()), ...(there ? readdirSync(folder) : [])].filter((n) => n.includes('.lock')),
      ).to.deep.equal([]);
    });

  it('of several at once is held by exactly one at a time', async () => {
    let [inside, most, entered] = [0, 0, 0];
    const enter = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      entered++;
      await new Promise((done) => setTimeout(done, 5));
      inside--;
    };
    await Promise.all(
      Array.from({ length: 6 }, () => withOut(at('many'), { ...options, waitMs: 15_000 }, enter)),
    );
    expect([most, entered]).to.deep.equal([1, 6]);
  });

  it('is free again when its owner fails, and can be waited for', async () => {
    const failing = withOut(at('failing'), options, async () => {
      await new Promise((done) => setTimeout(done, 50));
      throw new Error('no');
    }).catch((e: Error) => e.message);
    expect(await tried(at('failing'), 15_000)).to.equal(undefined);
    expect(await failing).to.equal('no');
  });

  for (const beside of [false, true])
    it(`of a process that has ended is nobody's, ${beside ? 'beside the folder' : 'in it'}`, async () => {
      const numberAgain = process.platform === 'linux' ? [{ started: '1' }] : [];
      for (const owner of [{ pid: dead }, ...numberAgain]) {
        const folder = at(`dead-${beside}`);
        const file = leave(folder, owner, beside);
        expect(await tried(folder)).to.equal(undefined);
        expect(readdirSync(dirname(file))).not.to.include(basename(file));
      }
    });

  it("of another machine is respected while it is heard of, and nobody's an hour later", async () => {
    const folder = at('far');
    const file = leave(folder, { pid: 77, host: 'far', boot: 'other', space: 'other' }, false);
    expect(await tried(folder)).to.equal(
      `${folder}: process 77 on far is writing there; wait for it, choose another folder, or remove ${file} if it has ended`,
    );
    const [then] = [new Date(Date.now() - 3_700_000)];
    utimesSync(file, then, then);
    expect(await tried(folder)).to.equal(undefined);
  });

  it("that is torn is nobody's", async () => {
    const file = leave(at('torn'), {}, false);
    writeFileSync(file, readFileSync(file).subarray(0, 9));
    expect(await tried(at('torn'))).to.equal(undefined);
  });
});

describe('the owner of a lock', () => {
  const mine = thisProcess();

  it('has ended when its process has, or its machine was started again', () => {
    expect(hasEnded(mine)).to.equal(false);
    expect(hasEnded({ ...mine, pid: dead })).to.equal(true);
    const linux = { ...mine, boot: 'a', space: 'pid:[1]' };
    expect(hasEnded({ ...linux, boot: 'b' }, linux)).to.equal(true);
    expect(hasEnded({ ...linux, pid: dead, host: 'renamed' }, linux)).to.equal(true);
  });

  it('of another container or machine cannot be told', () => {
    const linux = { ...mine, boot: 'a', space: 'pid:[1]' };
    expect(hasEnded({ ...linux, pid: dead, space: 'pid:[2]' }, linux)).to.equal(undefined);
    expect(hasEnded({ ...linux, pid: dead, boot: 'b', host: 'far' }, linux)).to.equal(undefined);
    const plain = { ...mine, boot: '', space: '' };
    expect(hasEnded({ ...plain, pid: dead }, plain)).to.equal(true);
    expect(hasEnded({ ...plain, pid: dead, host: 'far' }, plain)).to.equal(undefined);
  });

  const linuxOnly = process.platform === 'linux' ? it : () => {};
  linuxOnly('that is dead and not yet reaped has ended', async () => {
    // the shell starts a child, becomes a program that never waits for it, and says the child's number first
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 30'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(String(chunk));
      while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')))
        await new Promise((done) => setTimeout(done, 10));
      expect(pidEnded(pid)).to.equal(true);
    } finally {
      parent.kill('SIGKILL');
    }
  });
});
