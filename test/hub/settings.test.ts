/** @file Names of the hub, and the settings that huggingface_hub's environment variables make. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { UsageError } from '../../src/errors.ts';
import { hubSettings, parseRepository } from '../../src/hub/index.ts';

describe('the settings of the hub', () => {
  const home = { HOME: '/home/a' };
  it("are those of huggingface_hub's variables", () => {
    expect(hubSettings(home)).to.deep.equal({
      endpoint: 'https://huggingface.co',
      cache: '/home/a/.cache/huggingface/hub',
      offline: false,
      symlinks: true,
    });
    expect(hubSettings({ ...home, XDG_CACHE_HOME: '/x' }).cache).to.equal('/x/huggingface/hub');
    expect(hubSettings({ ...home, HF_HOME: '~/$USER/hf', USER: 'b' }).cache).to.equal('/home/a/b/hf/hub');
    expect(hubSettings({ ...home, HF_HOME: '/h', HF_HUB_CACHE: '/c' }).cache).to.equal('/c');
    expect(hubSettings({ ...home, TRANSFORMERS_OFFLINE: '1' }).offline).to.equal(true);
    expect(hubSettings({ ...home, HF_ENDPOINT: 'https://a.b/c/' }).endpoint).to.equal('https://a.b/c');
    expect(() => hubSettings({ HF_ENDPOINT: 'a.b' })).to.throw(UsageError, 'no http(s) address; correct it');
  });
  it('have the token of HF_TOKEN, or of the file, or none', () => {
    const folder = mkdtempSync(join(tmpdir(), 'moonlet-hub-'));
    writeFileSync(join(folder, 'token'), 'hf_file\n');
    expect(hubSettings({ HF_HOME: folder }).token).to.equal('hf_file');
    expect(hubSettings({ HF_HOME: '/none', HF_TOKEN_PATH: join(folder, 'token') }).token).to.equal('hf_file');
    expect(hubSettings({ HF_HOME: folder, HF_TOKEN: ' hf_env ' }).token).to.equal('hf_env');
    expect(hubSettings({ HF_HOME: folder, HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' })).not.to.have.property(
      'token',
    );
    rmSync(folder, { recursive: true });
  });
});

describe('a name of the hub', () => {
  it('is owner/name, with a revision where it says one', () => {
    expect(parseRepository('timm/a_b.c@v1')).to.deep.equal({ id: 'timm/a_b.c', revision: 'v1' });
    expect(parseRepository('hf:o/n')).to.deep.equal({ id: 'o/n', revision: 'main' });
    for (const bad of ['timm/', 'hf:n', 'hf:a/b/c', 'hf:../n', 'hf:a/..', 'hf:a/b--c', 'hf:a/b c', 'timm/.x'])
      expect(() => parseRepository(bad), bad).to.throw(
        UsageError,
        'is no name of the hub; expected hf:owner/name or timm/NAME',
      );
    for (const bad of ['', '../x', 'a/../b', '/a', 'a//b', '-x'])
      expect(() => parseRepository(`timm/a@${bad}`), bad).to.throw(
        UsageError,
        'is no revision; expected a branch, tag or commit',
      );
  });
});
