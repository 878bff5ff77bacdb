/** @file Distill. */
export function Distill() {
  return <h1>Distill</h1>;
}
