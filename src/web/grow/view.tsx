/** @file Grow. */
export function Grow() {
  return <h1>Grow</h1>;
}
