/** @file Saves bytes or text as a file of the visitor. */
export function save(name: string, content: Uint8Array | string, type = 'application/octet-stream'): void {
  const parts = typeof content === 'string' ? content : new Uint8Array(content);
  const url = URL.createObjectURL(new Blob([parts], { type }));
  const link = Object.assign(document.createElement('a'), {
    href: url,
    download: name.replace(/[^\w.-]+/g, '-'),
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
