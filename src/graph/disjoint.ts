/** @file Disjoint sets of integers (union-find). */
export interface DisjointSets {
  /** The least member of the set of a number. */
  find(i: number): number;
  /** So many new numbers, each a set of its own. */
  fresh(n: number): Int32Array;
  /** One set of the sets of both numbers. */
  unite(a: number, b: number): void;
}

export function disjointSets(): DisjointSets {
  const parent: number[] = [];
  const find = (i: number): number => {
    let root = i;
    while (parent[root] !== root) root = parent[root]!;
    for (let j = i; parent[j] !== root; ) {
      const next = parent[j]!;
      parent[j] = root;
      j = next;
    }
    return root;
  };
  return {
    find,
    fresh: (n) => {
      const numbers = new Int32Array(n);
      for (let i = 0; i < n; i++) numbers[i] = parent.push(parent.length) - 1;
      return numbers;
    },
    unite: (a, b) => {
      const [x, y] = [find(a), find(b)];
      if (x !== y) parent[Math.max(x, y)] = Math.min(x, y); // the earliest number names the set
    },
  };
}
