/** @file What a test calls may talk; its words go nowhere. */

export async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { stderr } = process;
  const write = stderr.write;
  stderr.write = (() => true) as typeof stderr.write;
  try {
    return await work();
  } finally {
    stderr.write = write;
  }
}
