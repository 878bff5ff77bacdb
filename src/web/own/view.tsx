/** @file Own. */
export function Own() {
  return <h1>Own</h1>;
}
