/** @file Every architecture that was promised, by its name and options: listed, counted, and strict about its words. */
import { expect } from 'chai';
import { UsageError } from '../../src/errors.ts';
import { architectures, compose } from '../../zoo/index.ts';
import { moonlet } from '../support/cli.ts';
import { messageOf } from '../support/errors.ts';

const promised: Readonly<Record<string, readonly string[]>> = {
  'mobilenet-v1': ['width'],
  'mobilenet-v2': ['width'],
  'mobilenet-v3-small': ['width'],
  'mobilenet-v3-large': ['width'],
  'mobilenet-v4-conv-small': ['width'],
  'shufflenet-v1': ['width', 'groups'],
  'shufflenet-v2': ['width'],
  squeezenet: ['version'],
  squeezenext: [],
  ghostnet: ['width'],
  mnasnet: ['width'],
  'efficientnet-b0': [],
  'efficientnet-lite0': [],
  'efficientnet-lite1': [],
  'efficientnet-lite2': [],
  'efficientnet-lite3': [],
  'efficientnet-lite4': [],
  lcnet: ['width'],
  'regnet-x-200mf': [],
  'regnet-x-400mf': [],
  'regnet-y-200mf': [],
  'regnet-y-400mf': [],
  'mobileone-s0': ['form'],
  'mobileone-s1': ['form'],
  'repvgg-a0': ['form'],
  'repvgg-a1': ['form'],
  'fasternet-t0': [],
  'starnet-s050': [],
  'starnet-s1': [],
  'densenet-121': [],
  'densenet-cifar': ['depth', 'growth', 'bottleneck'],
  condensenet: ['groups'],
  xception: [],
  'resnext-50': [],
  'resnext-cifar': [],
  'resnet-18': [],
  'resnet-34': [],
  'resnet-50': [],
  'resnet-cifar': ['depth'],
  wrn: ['depth', 'width'],
  nin: [],
  igcv1: [],
  igcv3: [],
  shiftnet: [],
  'fitnet-1': [],
  'fitnet-2': [],
  'fitnet-3': [],
  'fitnet-4': [],
  snn: ['units', 'bottleneck'],
  'lenet-5': [],
};

describe('the promised architectures', () => {
  it('are listed, with their options and the common ones', async () => {
    const { stdout } = await moonlet('list', '--json');
    const { architectures: listed } = JSON.parse(stdout) as {
      architectures: { name: string; options: Record<string, unknown>; paper: { title: string } }[];
    };
    const byName = new Map(listed.map((a) => [a.name, a]));
    expect([...byName.keys()]).to.include.members(Object.keys(promised));
    for (const [name, options] of Object.entries(promised))
      expect(Object.keys(byName.get(name)?.options ?? {}), name).to.include.members([
        ...options,
        ...['classes', 'size', 'channels'],
      ]);
  });

  it('have costs', async () => {
    for (const name of Object.keys(promised)) {
      const { code, stdout } = await moonlet('cost', name, '--json');
      expect(code, name).to.equal(0);
      const { params, macs } = JSON.parse(stdout) as { params: number; macs: number };
      expect(Math.min(params, macs), name).to.be.greaterThan(0);
    }
  });
});

describe('a wrong word', () => {
  for (const [name, { options }] of architectures) {
    it(`${name} refuses a misspelt option with the one that was meant, and a value out of range with the range`, () => {
      for (const [key, option] of Object.entries(options)) {
        const misspelt = `${key.slice(0, -1)}${key.at(-1) === 'x' ? 'y' : 'x'}`;
        expect(messageOf(() => compose(`${name} ${misspelt}=1`), UsageError)).to.match(
          new RegExp(`^${name}: no option "${misspelt}" \\(it has .*\\)\\. Did you mean "${key}"\\?$`),
        );
        expect(messageOf(() => compose(`${name} ${key}=none`), UsageError)).to.equal(
          `${name}: ${key} must be ${option.range}, got none`,
        );
      }
    });
  }

  it('in place of a name is refused with the nearest', () => {
    for (const name of architectures.keys())
      expect(messageOf(() => compose(`${name}q`), UsageError)).to.match(
        new RegExp(`^no architecture "${name}q"\\. Did you mean "${name.replaceAll('.', '\\.')}"\\?`),
      );
  });
});
