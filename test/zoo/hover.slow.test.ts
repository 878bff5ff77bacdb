/** @file What an editor shows of the options of architectures, asked of TypeScript's language service. */
import { expect } from 'chai';
import ts from 'typescript';
import { describeOption } from '../../src/compose/index.ts';
import * as families from '../../zoo/architectures/families.ts';
import {
  architectures,
  detectionArchitectures,
  sceneArchitectures,
  segmentationArchitectures,
} from '../../zoo/architectures/index.ts';

const root = process.cwd();
const file = `${root}/hover.ts`; // exists in memory only

/** TypeScript's answers about a file of this text at the top of the checkout. */
function editor(text: string) {
  const { config } = ts.readConfigFile(`${root}/tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const readFile = (name: string): string | undefined => (name === file ? text : ts.sys.readFile(name));
  const service = ts.createLanguageService({
    getCompilationSettings: () => ({ ...options, types: [] }),
    getScriptFileNames: () => [file],
    getScriptVersion: () => '1',
    getScriptSnapshot: (name) => {
      const content = readFile(name);
      return content === undefined ? undefined : ts.ScriptSnapshot.fromString(content);
    },
    getCurrentDirectory: () => root,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: (name) => name === file || ts.sys.fileExists(name),
    readFile,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
  });
  return {
    hover: (position: number): string =>
      ts.displayPartsToString(service.getQuickInfoAtPosition(file, position)?.displayParts),
    errors: (): string[] =>
      service.getSemanticDiagnostics(file).map((d) => ts.flattenDiagnosticMessageText(d.messageText, '\n')),
  };
}

const functions = Object.entries(families);
const calls = functions.map(([name, make]) => {
  const options = Object.entries(make.options).map(([key, o]) => `${key}: ${JSON.stringify(o.default)}`);
  return `${name}({ ${options.join(', ')} });`;
});
const wrong = 'wrn({ depth: true });';
const text = [
  `import { ${functions.map(([name]) => name).join(', ')} } from './zoo/architectures/index.ts';`,
  ...calls,
  wrong,
].join('\n');

describe('hovering an option of an architecture', function () {
  this.timeout(60_000);
  let ask: ReturnType<typeof editor>;
  before(() => {
    ask = editor(text);
    ask.errors();
  });

  it('shows its type, its meaning, its range and its default', () => {
    const at = (call: string, key: string): string =>
      ask.hover(text.indexOf(`${key}:`, text.indexOf(`\n${call}(`)));
    expect(at('wrn', 'depth')).to.equal(
      '(property) depth?: number | Described<"layers, 6n + 4: a whole number from 10 to 1000; default 16">',
    );
    expect(at('efficientnetLite2', 'dropout')).to.contain(
      '"dropout rate before the classifier: a number from 0 to 0.9; default 0.3"',
    );
    expect(at('mobileoneS0', 'form')).to.match(/^\(property\) form\?: "train" \| "deploy" \| Described<"/);
    expect(at('fitnet1', 'bias')).to.contain('true or false; default false"');
    expect(at('lenet5', 'channels')).to.contain(
      'channels of the input: a whole number from 1 to 4096; default 1',
    );
  });

  it('shows the texts that the option has as data, for every option of every architecture', () => {
    let position = text.indexOf('\n');
    for (const [name, make] of functions) {
      position = text.indexOf(`\n${name}(`, position);
      for (const [key, option] of Object.entries(make.options)) {
        const shown = ask.hover(text.indexOf(` ${key}:`, position) + 1);
        expect(shown, name)
          .to.contain(`(property) ${key}?: `)
          .and.to.contain(`"${describeOption(option)}"`);
      }
    }
  });

  it('is what an error of TypeScript says, too', () => {
    expect(ask.errors()).to.have.length(1);
    expect(ask.errors()[0]).to.match(
      /^Type 'true' is not assignable to type 'number \| Described<"layers, 6n \+ 4: /,
    );
  });
});

describe('the exports of moonlet/architectures', () => {
  it('are the architectures of the registry', () => {
    const groups = [architectures, segmentationArchitectures, detectionArchitectures, sceneArchitectures];
    const registered = groups.flatMap((group) => [...group.values()]);
    expect(Object.values(families)).to.have.members(registered);
  });

  it('have the names of the registry in camel case', () => {
    const plain = (name: string): string => name.replace(/[-.]/g, '').toLowerCase();
    for (const [name, make] of functions) expect(plain(name)).to.equal(plain(make.name));
  });
});
