/** @file Which weights share one value: the groups of codebooks, hashed buckets and circulant diagonals. */
import { first } from '../access.ts';
import { circulantIndex, codeWidth, hashOf, placesOf, unpackBits, type Weight } from '../weights/index.ts';

/** The group of each weight, and its sign in the group; the sign 0 means that the weight stays zero. */
export interface Membership {
  readonly shape: readonly number[];
  readonly groups: Int32Array;
  readonly signs: Float32Array;
  readonly count: number;
}

/** The groups of a weight; undefined when it shares nothing. */
export function membershipOf(weight: Weight): Membership | undefined {
  const { shape } = weight;
  const size = shape.reduce((n, d) => n * d, 1);
  const ones = (): Float32Array => new Float32Array(size).fill(1);
  switch (weight.encoding) {
    case 'codebook': {
      const codes = unpackBits(weight.data, codeWidth(weight), size);
      return { shape, groups: Int32Array.from(codes), signs: ones(), count: weight.centroids.length };
    }
    case 'sparse': {
      const { values } = weight;
      if (values.encoding !== 'codebook') return undefined;
      const codes = unpackBits(values.data, codeWidth(values), first(values.shape));
      const [groups, signs] = [new Int32Array(size), new Float32Array(size)];
      for (const [k, p] of placesOf(weight).entries()) {
        groups[p] = codes[k]!;
        signs[p] = 1;
      }
      return { shape, groups, signs, count: values.centroids.length };
    }
    case 'hashed': {
      const [groups, signs] = [new Int32Array(size), new Float32Array(size)];
      for (let p = 0; p < size; p++) {
        const { bucket, sign } = hashOf(weight.seed, p, weight.data.length);
        groups[p] = bucket;
        signs[p] = sign;
      }
      return { shape, groups, signs, count: weight.data.length };
    }
    case 'circulant':
      return {
        shape,
        groups: Int32Array.from({ length: size }, (_, p) => circulantIndex(shape, weight.block)(p)),
        signs: ones(),
        count: weight.data.length,
      };
    case 'float32':
    case 'float16':
    case 'quantized':
    case 'ternary':
    case 'binary':
      return undefined;
    default:
      return weight satisfies never;
  }
}
