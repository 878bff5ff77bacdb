/** @file The main job's report: one HTML file that needs nothing else. */

export interface Section {
  readonly title: string;
  readonly html: string;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** A table; the first row is its head, columns of numbers stand to the right. */
export function htmlTable(rows: readonly (readonly string[])[], left: readonly number[] = [0]): string {
  const cell = (tag: 'th' | 'td', text: string, i: number): string =>
    `<${tag}${left.includes(i) ? ' class="left"' : ''}>${escaped(text)}</${tag}>`;
  const [head = [], ...body] = rows;
  const row = (tag: 'th' | 'td', cells: readonly string[]): string =>
    `<tr>${cells.map((text, i) => cell(tag, text, i)).join('')}</tr>`;
  return `<div class="table"><table><thead>${row('th', head)}</thead><tbody>${body.map((r) => row('td', r)).join('')}</tbody></table></div>`;
}

export const paragraph = (text: string): string => `<p>${escaped(text)}</p>`;

/** Charts side by side where there is room, else one below the other. */
export const charts = (svgs: readonly string[]): string => `<div class="charts">${svgs.join('')}</div>`;

/** Images with a caption each, side by side. Pixels are bytes, one channel, row by row. */
export const gallery = (
  images: readonly { readonly pixels: Uint8Array; readonly caption: string }[],
  [height = 1, width = 1]: readonly number[],
): string =>
  `<div class="gallery">${images
    .map(
      ({ pixels, caption }) =>
        `<figure><img alt="" src="${bitmap(pixels, width, height)}"><figcaption>${escaped(caption)}</figcaption></figure>`,
    )
    .join('')}</div>`;

/** A grey image as a data address: an 8-bit bitmap file with a palette of 256 greys, rows from the bottom up. */
function bitmap(pixels: Uint8Array, width: number, height: number): string {
  const stride = Math.ceil(width / 4) * 4;
  const start = 14 + 40 + 4 * 256;
  const bytes = new Uint8Array(start + stride * height);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, start, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 8, true);
  for (let grey = 0; grey < 256; grey++) bytes.set([grey, grey, grey, 0], 54 + 4 * grey);
  for (let row = 0; row < height; row++) {
    bytes.set(pixels.subarray(row * width, (row + 1) * width), start + (height - 1 - row) * stride);
  }
  return `data:image/bmp;base64,${Buffer.from(bytes).toString('base64')}`;
}

/** Light and dark colours by the reader's setting; nothing is wider than a telephone's screen. */
const style = `
  :root { color-scheme: light dark; --ink: #222; --paper: #fff; --line: #ddd; --head: #999; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e4e4e4; --paper: #16181c; --line: #3a3d44; --head: #777; }
  }
  body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
    max-width: 60rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word; }
  h1 { font-size: 1.7rem; margin-bottom: 0.3rem; }
  h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line); padding-bottom: 0.2rem; }
  .table { overflow-x: auto; margin: 0.8rem 0; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
  th, td { padding: 0.25rem 0.9rem; text-align: right; vertical-align: top; border-bottom: 1px solid var(--line); }
  th.left, td.left { text-align: left; }
  th:first-child, td:first-child { padding-left: 0; }
  th { font-weight: 600; border-bottom: 1px solid var(--head); vertical-align: bottom; }
  .charts { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
  .charts svg { width: 100%; height: auto; }
  .gallery { display: grid; gap: 0.8rem; grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); }
  .gallery figure { margin: 0; text-align: center; font-size: 0.8rem; line-height: 1.3; }
  .gallery img { width: 84px; height: 84px; image-rendering: pixelated; border: 1px solid var(--line); }
  @media (max-width: 30rem) {
    table { font-size: 0.85rem; }
    th, td { padding: 0.25rem 0.3rem; }
    th:last-child, td:last-child { padding-right: 0; }
  }`;

/** The whole page. */
export const page = (title: string, lead: string, sections: readonly Section[]): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${style}
</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p>${escaped(lead)}</p>
${sections.map(({ title: t, html }) => `<h2>${escaped(t)}</h2>\n${html}`).join('\n')}
</body>
</html>
`;
