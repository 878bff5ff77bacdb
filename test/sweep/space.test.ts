/** @file Spaces are checked before anything runs: what is wrong, and where. */
import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { readJson } from '../../src/run/json-file.ts';
import { candidateOf, checkSpace, parseSpace, type SpaceInput } from '../../src/sweep/index.ts';
import { scratch } from '../support/cli.ts';
import { UsageError } from '../../src/errors.ts';
import { messageOf } from '../support/errors.ts';

const folder = scratch();
const base: SpaceInput = {
  recipe: { data: 'mnist', student: 'wrn depth=10 size=28 channels=1', steps: 10, validation: 100 },
  space: { 'rate.peak': { log: [0.01, 0.1] } },
};

/** The refusal of a space that stands in a file. */
function refusal(text: string): string {
  const file = folder('space.json');
  writeFileSync(file, text);
  return messageOf(() => {
    const { value, locate } = readJson(file);
    checkSpace(parseSpace(value, 'space.json', locate), 'space.json', locate);
  }, UsageError);
}
// the rate of a recipe has a kind and a peak
const recipe =
  '"recipe": { "data": "mnist", "student": "wrn depth=10", "steps": 10, "rate": { "kind": "constant", "peak": 1 }, "validation": 100 }';

describe('a space', () => {
  it('has defaults, and one seed for what is held out', () => {
    const space = parseSpace(base);
    expect(space).to.deep.include({
      trials: 100,
      parallel: 8,
      objective: ['accuracy'],
      limits: {},
      threads: 1,
    });
    expect(space.recipe['viewSeed']).to.equal(0);
    expect(parseSpace({ ...base, limits: { params: 5 } }).limits).to.deep.equal({ params: { max: 5 } });
    const limits = { sram: '256 KB', flash: { min: 1, max: '1MB' } } as const;
    expect(parseSpace({ ...base, limits }).limits).to.deep.equal({
      sram: { max: 262_144 },
      flash: { min: 1, max: 1_048_576 },
    });
  });

  it('that is wrong is refused with line and column', () => {
    expect(refusal(`{\n  ${recipe},\n  "space": { "rate.peak": { "log": [0.1, 0.01] } }\n}`)).to.equal(
      'space.json:3:36: space.rate.peak.log: the first number must be below the second',
    );
    expect(refusal(`{ ${recipe},\n "space": {},\n "trails": 5 }`)).to.match(
      /^space\.json:3:2: top level: Unrecognized key: "trails"\. Did you mean "trials"\?/,
    );
    expect(
      refusal(
        `{ ${recipe},\n "space": { "a": { "choice": [1], "when": { "b": 1 } }, "b": { "choice": [1] } } }`,
      ),
    ).to.match(/^space\.json:2:\d+: when: no dimension "b" before "a"/);
    expect(refusal(`{ ${recipe},\n "space": {}, "limits": { "sram": "256 PB" } }`)).to.match(
      /^space\.json:2:\d+: limits\.sram: "256 PB" is no size of memory; write bytes/,
    );
    expect(refusal('{ "recipe": { "data": "mnist", "student": "wrn", "steps": 1 }, "space": {} }')).to.match(
      /^space\.json:1:13: recipe: needs "validation"/,
    );
    expect(refusal(`{ ${recipe},\n "space": { "rate.peek": { "log": [0.01, 0.1] } } }`)).to.match(
      /^space\.json:2:26: rate: Unrecognized key: "peek"\. Did you mean "peak"\?/,
    );
    expect(refusal(`{ ${recipe},\n "space": { "student.widht": { "choice": [1] } } }`)).to.match(
      /^space\.json:2:13: "student\.widht" = 1: .*wrn.*"widht".*width/,
    );
    expect(refusal(`{ ${recipe.replace('"steps"', '"stepps"')},\n "space": {} }`)).to.match(
      /^space\.json:1:\d+: .*stepps/,
    );
  });

  it('refuses early stopping of a grid and of inherited weights', () => {
    const stopEarly = { kind: 'asha', first: 2 } as const;
    expect(messageOf(() => parseSpace({ ...base, sampler: 'grid', stopEarly }), UsageError)).to.match(
      /^sweep: stopEarly: a grid/,
    );
    const sampler = { kind: 'evolution', inherit: true } as const;
    expect(messageOf(() => parseSpace({ ...base, sampler, stopEarly }), UsageError)).to.match(
      /"inherit" needs parents/,
    );
  });
});

describe('a candidate', () => {
  const values = {
    student: 'wrn depth=10 size=8',
    'student.width': 2,
    'rate.kind': 'constant',
    'rate.peak': 0.5,
    augment: null,
    compress: 'half',
  };

  it('is the recipe with its values put in their places', () => {
    const found = candidateOf({ recipe: { ...base.recipe, augment: 'light' } }, values);
    expect(found.compress).to.equal('half');
    expect(found.recipe).to.deep.include({
      student: 'wrn depth=10 size=8 width=2',
      rate: { kind: 'constant', peak: 0.5 },
    });
    expect(found.recipe.augment).to.equal(undefined);
  });

  it('leaves the base as it was', () => {
    const recipe = structuredClone(base.recipe);
    candidateOf({ recipe }, values);
    expect(recipe).to.deep.equal(base.recipe);
  });
});
