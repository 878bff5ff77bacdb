/** @file Float8: all 256 codes of each kind, held to the values that torch gives them (scripts/reference/torch_files.py). */
import { expect } from 'chai';
import { fileOf } from '../support/packed.ts';
import { read, refusal } from '../support/weight-files.ts';

for (const [file, dtypes] of [
  ['float8.safetensors', ['F8_E4M3', 'F8_E5M2']],
  ['float8.pth', ['float8_e4m3fn', 'float8_e5m2']],
] as const) {
  describe(file, () => {
    for (const [i, kind] of (['e4m3', 'e5m2'] as const).entries())
      it(`gives the 256 values of ${kind} as torch does, signs of zeros and what is no number among them`, () => {
        const { tensors } = read(fileOf(file));
        const [eight, float] = [tensors.get(kind), tensors.get(`${kind}.float`)];
        const [got, wanted] = [[...(eight?.read() ?? [])], [...(float?.read() ?? [])]];
        expect(got.length).to.equal(256);
        for (const [code, value] of got.entries())
          expect(Object.is(value, wanted[code]), `code ${code}: ${value}, torch ${wanted[code]}`).to.equal(
            true,
          );
        expect([eight?.dtype, eight?.whole]).to.deep.equal([dtypes[i], false]);
      });
  });
}

it('a float8 of another kind is refused by name', () => {
  const bytes = new Uint8Array(fileOf('float8.safetensors'));
  const text = Buffer.from(bytes).toString('latin1').replace('F8_E4M3', 'F8_E8M0');
  expect(refusal(new Uint8Array(Buffer.from(text, 'latin1')))).to.match(
    /^file: "e4m3" has dtype "F8_E8M0"; expected F64, .*F8_E4M3, F8_E5M2$/,
  );
});
