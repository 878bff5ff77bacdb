/** @file Checks of the views that need no training: used by clicks and keys, and held to what Node computes. */
import { readFile } from 'node:fs/promises';
import { unzipSync } from 'fflate';
import { fromOnnx } from '../../../src/import/index.ts';
import { cost } from '../../../src/index.ts';
import { compose } from '../../../zoo/architectures/index.ts';
import { loadStudent } from '../../../zoo/index.ts';
import { ownFiles } from '../own-files.ts';
import { goTo, openView, type PageCheck, partOf, textThat, verdict } from '../tab.ts';

const exactOf = (count: number): string => count.toLocaleString('en-US');

const explore: PageCheck = {
  name: 'Explore by keys and sliders',
  run: async (context, site) => {
    const tab = await openView(context, site, 'explore');
    const part = (selector: string) => partOf(tab, 'explore', selector);
    await part('.chart svg').focus();
    for (let i = 0; i < 3; i++) await tab.keyboard.press('ArrowRight');
    await tab.keyboard.press('Enter');
    const byKeys = await textThat(part('article h2'), /\w/);
    await part('input[type=search]').fill('mobilenet-v2');
    await part('.list button.link')
      .filter({ hasText: /^mobilenet-v2$/ })
      .click();
    await textThat(part('article h2'), /mobilenet-v2/);
    const params = part('.metrics div').filter({ hasText: 'parameters' }).first();
    await part('input[type=text][aria-label^="width,"]').fill('0.35');
    await part('input[type=text][aria-label^="size,"]').fill('96');
    await tab.keyboard.press('Tab');
    const { params: right } = cost(compose('mobilenet-v2 width=0.35 size=96'));
    const until = Date.now() + 10_000;
    while ((await params.getAttribute('title')) !== exactOf(right) && Date.now() < until)
      await tab.waitForTimeout(50);
    const found = await params.getAttribute('title');
    await part('button').filter({ hasText: 'Compare with' }).click();
    await part('input[type=search]').fill('lenet-5');
    await part('.list button.link').first().click();
    const panels = await textThat(part('.explore-nets h2'), /mobilenet-v2.*\|.*lenet-5/);
    const nodes = part('.explore-nets .graph').first().locator('.box.part');
    const before = await part('.explore-nets .graph').first().locator('.box').count();
    await nodes.first().focus();
    await tab.keyboard.press('Enter');
    await tab.waitForTimeout(300);
    const after = await part('.explore-nets .graph').first().locator('.box').count();
    await tab.close();
    return verdict(
      found === exactOf(right) && byKeys.length > 0 && after > before,
      `${found} parameters as in Node; compared ${panels.trim()}; a part opens from ${before} boxes to ${after}`,
    );
  },
};

const composing: PageCheck = {
  name: 'Compose follows what is typed',
  run: async (context, site) => {
    const tab = await openView(context, site, 'compose', '?net=wrn+depth%3D10&block=G%284%29');
    const part = (selector: string) => partOf(tab, 'compose', selector);
    await textThat(part('article h2'), /wrn depth=10 G\(4\)/);
    await part('.cm-content').click();
    await tab.keyboard.press('Control+a');
    await tab.keyboard.insertText(
      "import { graph, input } from 'moonlet';\nexport const net = graph('typed', input(8, 8, 30)\n  .conv(32, { groups: 4 }));\n",
    );
    const error = await textThat(part('.note.error'), /30 -> 32 channels/);
    await tab.keyboard.press('Control+a');
    await tab.keyboard.insertText(
      "import { graph, input } from 'moonlet';\nexport const net = graph('typed', input(8, 8, 32).conv(32, { groups: 4 }));\n",
    );
    await textThat(part('article h2'), /typed/);
    const params = await part('.metrics div').filter({ hasText: 'parameters' }).first().getAttribute('title');
    await tab.keyboard.press('Control+End');
    await tab.keyboard.type('net.no');
    await tab.keyboard.press('Control+Space');
    const completion = await textThat(tab.locator('.cm-tooltip-autocomplete'), /norm/);
    await tab.keyboard.press('Escape');
    await tab.keyboard.press('Control+a');
    await tab.keyboard.insertText('while (true) {}');
    const late = await textThat(part('.note.error'), /endless loop/);
    await tab.close();
    const isRight = /Line [23]/.test(error) && params === '256' && completion.length > 0 && late.length > 0;
    return verdict(isRight, `${error.trim()}; 256 parameters after it; an endless loop is stopped`);
  },
};

const draw: PageCheck = {
  name: 'Draw by pointer and by keys',
  run: async (context, site) => {
    const tab = await openView(context, site, 'draw');
    const part = (selector: string) => partOf(tab, 'draw', selector);
    const said = part('.verdict');
    const box = await part('.pad canvas').boundingBox();
    if (!box) return verdict(false, 'no pad');
    await tab.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.15);
    await tab.mouse.down();
    for (let y = 0.2; y <= 0.85; y += 0.05)
      await tab.mouse.move(box.x + box.width * 0.5, box.y + box.height * y);
    await tab.mouse.up();
    const one = await textThat(said, /student says 1, the teacher 1/);
    await part('button').filter({ hasText: 'Clear' }).click();
    // a seven: a bar, then down
    await part('.pad canvas').focus();
    for (const key of [
      ...Array<string>(5).fill('ArrowLeft'),
      ...Array<string>(7).fill('ArrowUp'),
      ' ',
      ...Array<string>(10).fill('ArrowRight'),
    ])
      await tab.keyboard.press(key);
    for (let i = 0; i < 13; i++) {
      await tab.keyboard.press('ArrowDown');
      if (i % 3 === 0) await tab.keyboard.press('ArrowLeft');
    }
    const seven = await textThat(said, /student says 7/);
    const maps = await part('.maps canvas').count();
    const latency = await part('article[aria-label="Cost"] tr').last().textContent();
    await tab.close();
    return verdict(one.length > 0 && maps === 6, `${seven.trim()} ${maps} maps; ${latency}`);
  },
};

const garments: PageCheck = {
  name: 'Draw, Distill and Grow with nets of Fashion-MNIST',
  run: async (context, site) => {
    const tab = await openView(context, site, 'draw');
    await partOf(tab, 'draw', 'button').filter({ hasText: 'Garment' }).click();
    await partOf(tab, 'draw', 'button').filter({ hasText: 'Example' }).click();
    const said = await textThat(partOf(tab, 'draw', '.verdict'), /student says/);
    const drawn = await partOf(tab, 'draw', 'select').inputValue();
    await goTo(tab, 'distill');
    await partOf(tab, 'distill', '.segmented button').last().click();
    const teacher = partOf(tab, 'distill', 'label')
      .filter({ hasText: /^Teacher/ })
      .locator('select');
    const [taught, teachers] = [await teacher.inputValue(), await teacher.locator('option').count()];
    await goTo(tab, 'grow');
    await partOf(tab, 'grow', 'select').selectOption(drawn);
    await textThat(partOf(tab, 'grow', '.stage'), /stage3/);
    const measured = await textThat(partOf(tab, 'grow', '[data-grow-status]'), /9\d\.\d+ % of the held-out/);
    await tab.close();
    return verdict(
      drawn.startsWith('fashion-mnist/') && taught.startsWith('fashion-mnist/') && teachers > 5,
      `${drawn}: ${said.trim()} ${teachers} teachers; ${measured.trim()}`,
    );
  },
};

const words = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const own: PageCheck = {
  name: 'Bring your own: an ONNX file and a folder of pictures',
  run: async (context, site) => {
    const { onnx, folder } = await ownFiles('mnist/lenet-5', 20, words);
    const tab = await openView(context, site, 'own');
    const part = (selector: string) => partOf(tab, 'own', selector);
    await part('input[data-files]').setInputFiles(onnx);
    await part('.graph .box').first().waitFor();
    await part('input[aria-label="Folder"]').setInputFiles(folder);
    const floats = await textThat(part('[data-gallery]'), /of 20 are right/);
    const guesses = await part('.gallery').innerText();
    await part('button').filter({ hasText: 'Quantize' }).click();
    await textThat(part('article[aria-label="What to do"]'), /calibrated on 20 pictures/);
    const integers = await textThat(part('[data-gallery]'), /of 20 are right/);
    const saving = tab.waitForEvent('download');
    await part('article[aria-label="What to do"] tbody button').first().click();
    await part('button')
      .filter({ hasText: /^ONNX$/ })
      .click();
    const written = fromOnnx(new Uint8Array(await readFile(await (await saving).path())));
    const zipping = tab.waitForEvent('download');
    await part('button').filter({ hasText: 'TensorFlow.js' }).click();
    const model = Object.keys(unzipSync(new Uint8Array(await readFile(await (await zipping).path()))));
    const right = cost(loadStudent('mnist/lenet-5').graph).params;
    const found = cost(written.graph).params;
    await part('input[data-files]').setInputFiles({
      name: 'torn.onnx',
      mimeType: 'application/octet-stream',
      buffer: Buffer.from('no model'),
    });
    const torn = await textThat(part('.note.error'), /onnx/i);
    await tab.close();
    const isRight =
      found === right &&
      model.includes('model.json') &&
      /seven/.test(guesses) &&
      !/class \d/.test(guesses) &&
      /(19|20) of 20/.test(floats) &&
      /(1[89]|20) of 20/.test(integers) &&
      torn.length > 0;
    return verdict(
      isRight,
      `${floats.trim()} In int8: ${integers.trim()} A file that is torn: ${torn.trim()}`,
    );
  },
};

export const looking: readonly PageCheck[] = [explore, composing, draw, garments, own];
