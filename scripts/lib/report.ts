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
  return `<table><thead>${row('th', head)}</thead><tbody>${body.map((r) => row('td', r)).join('')}</tbody></table>`;
}

export const paragraph = (text: string): string => `<p>${escaped(text)}</p>`;
export const code = (text: string): string => `<pre>${escaped(text)}</pre>`;

/** Images with a caption each, side by side. Pixels are bytes, one channel, row by row. */
export const gallery = (
  images: readonly { readonly pixels: Uint8Array; readonly caption: string }[],
  [height, width]: readonly number[],
): string =>
  `<div class="gallery">${images
    .map(
      ({ pixels, caption }) =>
        `<figure><img alt="" src="${bitmap(pixels, width as number, height as number)}"><figcaption>${escaped(caption)}</figcaption></figure>`,
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

/** The whole page. */
export const page = (title: string, lead: string, sections: readonly Section[]): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.7rem; margin-bottom: 0.3rem; }
  h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #ddd; padding-bottom: 0.2rem; }
  table { border-collapse: collapse; margin: 0.8rem 0; font-variant-numeric: tabular-nums; }
  th, td { padding: 0.25rem 0.9rem; text-align: right; border-bottom: 1px solid #eee; }
  th.left, td.left { text-align: left; }
  th { font-weight: 600; border-bottom: 1px solid #999; }
  pre { background: #f6f6f6; padding: 0.7rem 1rem; overflow-x: auto; font-size: 0.85rem; }
  svg { max-width: 100%; height: auto; }
  .gallery { display: flex; flex-wrap: wrap; gap: 0.8rem; }
  .gallery figure { margin: 0; text-align: center; font-size: 0.8rem; }
  .gallery img { width: 84px; height: 84px; image-rendering: pixelated; border: 1px solid #ddd; }
</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p>${escaped(lead)}</p>
${sections.map(({ title: t, html }) => `<h2>${escaped(t)}</h2>\n${html}`).join('\n')}
</body>
</html>
`;
