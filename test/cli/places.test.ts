/** @file A mistake in a recipe file is said with its own line and column, and an unknown key with the nearest known one. */
import { existsSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { expectRefusal, scratch } from '../support/cli.ts';

const at = scratch();
let round = 0;
/** Refused with the place of the mark "@" in the text, which is taken out. */
async function refused(marked: string, line: RegExp, ...flags: readonly string[]): Promise<void> {
  const before = marked.slice(0, marked.indexOf('@')).split('\n');
  const path = at(`recipe-${round++}.json`);
  writeFileSync(path, marked.replace('@', ''));
  const place = `${path}:${before.length}:${(before.at(-1) ?? '').length + 1}: `;
  const exact = new RegExp(`^moonlet: ${place.replaceAll('.', '\\.')}${line.source}`);
  await expectRefusal(['fit', path, '--out', at('out'), ...flags], 2, exact);
  expect(existsSync(at('out'))).to.equal(false);
}
const recipe = (lines: string): string =>
  `{\n  "data": "mnist",\n  "student": "lenet-5 size=28",\n  "steps": 3,\n  ${lines}\n}\n`;
const scene = (lines: string): string =>
  `{\n  "task": "parsing", "data": "mnist",\n  "student": "parser",\n  "steps": 3,\n  ${lines}\n}\n`;

describe('a key that is not known', () => {
  const cases: readonly (readonly [name: string, text: string, line: RegExp])[] = [
    [
      'of a recipe',
      recipe('@"bacth": 8'),
      /top level: Unrecognized key: "bacth"\. Did you mean "batch"\? Known: data, /,
    ],
    [
      'of an optimizer',
      recipe('"optimizer": { "kind": "sgd",\n    @"momentun": 0.9 }'),
      /optimizer: Unrecognized key: "momentun"\. Did you mean "momentum"\? Known: kind, momentum, nesterov, weightDecay/,
    ],
    [
      'of the second loss',
      recipe('"losses": [\n    { "kind": "cross-entropy" },\n    { "kind": "attention", @"wieght": 2 }\n  ]'),
      /losses\[1\]: Unrecognized key: "wieght"\. Did you mean "weight"\?/,
    ],
    [
      'of a number that changes',
      recipe(
        '"losses": [\n    { "kind": "cross-entropy", "weight": { "from": 1, "to": 0, @"untill": 1 } } ]',
      ),
      /losses\[0\]\.weight: Unrecognized key: "untill"\. Did you mean "until"\?/,
    ],
    [
      'of a stage',
      recipe('"stages": [ { "steps": 1 }, {\n      @"step": 2, "steps": 2 } ]'),
      /stages\[1\]: Unrecognized key: "step"\. Did you mean "steps"\?/,
    ],
    [
      'of augmentation',
      recipe('"augment": { @"flipped": true }'),
      /augment: Unrecognized key: "flipped"\. Did you mean "flip"\? Known: shift, flip/,
    ],
    [
      'that is near to none',
      recipe('@"qwertyuiop": 1'),
      /top level: Unrecognized key: "qwertyuiop"\. Known: data, student, /,
    ],
    [
      'of a recipe on scenes',
      scene('@"modalty": "depth"'),
      /top level: Unrecognized key: "modalty"\. Did you mean "modality"\?/,
    ],
    [
      "of a scene's task",
      scene('"tasks": {\n @"dept": 1 }'),
      /tasks: Unrecognized key: "dept"\. Did you mean "depth"\?/,
    ],
  ];
  for (const [name, text, line] of cases) it(name, () => refused(text, line));
});

describe('a value that is wrong', () => {
  const cases: readonly (readonly [name: string, text: string, line: RegExp])[] = [
    ['of a recipe', recipe('"batch": @-1'), /batch: /],
    [
      'of the second loss',
      recipe('"losses": [ { "kind": "cross-entropy" },\n { "kind": "attention", "weight": @-2 } ]'),
      /losses\[1\]\.weight: /,
    ],
    [
      'of a loss that is none',
      recipe('"losses": [\n @{ "kind": "atention" } ]').replace('@{ "kind": ', '{ "kind": @'),
      /losses\[0\]\.kind: no loss "atention"\. Did you mean "attention"\?/,
    ],
    ['of a recipe on scenes', scene('"scenes": @0'), /scenes: /],
    ['that does not fit another', scene('"modality": @"colour"'), /modality: /],
    [
      'where labels are too many',
      scene('"labelled": @9, "scenes": 8, "transfer": 1, "teacher": "x"').replace('parsing', 'cross-modal'),
      /labelled: 9 of 8 scenes cannot have labels/,
    ],
  ];
  for (const [name, text, line] of cases) it(name, () => refused(text, line));
});

describe('flags over a recipe file', () => {
  const file = (text: string): string => {
    const path = at(`recipe-${round++}.json`);
    writeFileSync(path, text);
    return path;
  };
  it('are blamed for what they say, and not the file', () =>
    expectRefusal(
      ['fit', file(recipe('"batch": 8')), '--batch', '-1', '--out', at('out')],
      2,
      '--batch must be a whole number from 1 to 4096, got "-1"',
    ));

  it('count for every task, or are refused', async () => {
    const path = file(scene('"scenes": 4'));
    await expectRefusal(['fit', path, '--data', 'cifar', '--out', at('out')], 2, /no dataset "cifar"/);
    await expectRefusal(['fit', path, '--steps', '0', '--out', at('out')], 2, /^moonlet: --steps must be /);
    await expectRefusal(
      ['distill', path, '--alpha', '0.5', '--out', at('out')],
      2,
      '--alpha: recipes of the task "parsing" do not have it; remove the flag',
    );
    expect(existsSync(at('out'))).to.equal(false);
  });
});
