/**
 * @file A store in a bucket of S3 or of a server that speaks its protocol. Requests are signed by aws4fetch (MIT, no dependencies,
 * 15 kB): the SDK of Amazon has 90 packages, of which three requests need none.
 */
import { codeOf, MoonletError, messageOf, UsageError } from '../errors.ts';
import type { Store } from './store.ts';

const variables = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const;

/**
 * Opens `s3://bucket/prefix`. Keys, region and server are those of the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN, AWS_REGION, and AWS_ENDPOINT_URL for another server than Amazon's.
 * @throws MoonletError when the package or a key is missing.
 */
export async function s3Store(place: string, env: NodeJS.ProcessEnv = process.env): Promise<Store> {
  const [, bucket, prefix = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]+)\/?(.*)$/.exec(place) ?? [];
  if (!bucket) throw new UsageError(`${place}: a store is a folder, or s3://bucket/prefix`);
  const missing = variables.find((name) => !env[name]);
  if (missing) throw new MoonletError(`${place}: set ${missing} in the environment`);
  const { AwsClient } = await import('aws4fetch').catch((e: unknown) => {
    if (codeOf(e) !== 'ERR_MODULE_NOT_FOUND') throw e;
    throw new MoonletError(`${place}: needs the package aws4fetch; run npm install aws4fetch`);
  });
  const region = env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? 'us-east-1';
  const token = env['AWS_SESSION_TOKEN'];
  const client = new AwsClient({
    accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? '',
    ...(token ? { sessionToken: token } : {}),
    ...{ service: 's3', region, retries: 5 },
  });
  const server = env['AWS_ENDPOINT_URL'] ?? `https://s3.${region}.amazonaws.com`;
  const base = `${server.replace(/\/$/, '')}/${bucket}/${prefix && `${prefix.replace(/\/$/, '')}/`}`;
  const call = async (key: string, init: RequestInit): Promise<Response> => {
    try {
      return await client.fetch(base + key.split('/').map(encodeURIComponent).join('/'), init);
    } catch (e) {
      throw new MoonletError(`${place}: cannot be reached (${messageOf(e)}); check AWS_ENDPOINT_URL`);
    }
  };
  const refused = (key: string, { status }: Response): MoonletError =>
    new MoonletError(
      `${place}: ${key} was refused (HTTP ${status}); check the bucket, its region and its keys`,
    );
  const write = (
    key: string,
    bytes: Uint8Array | string,
    headers: Record<string, string> = {},
  ): Promise<Response> => {
    const body = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
    return call(key, { method: 'PUT', headers, body: new Uint8Array(body) });
  };
  return {
    place,
    get: async (key) => {
      const answer = await call(key, {});
      if (answer.status === 404) return undefined;
      if (!answer.ok) throw refused(key, answer);
      return new Uint8Array(await answer.arrayBuffer());
    },
    put: async (key, bytes) => {
      const answer = await write(key, bytes);
      if (!answer.ok) throw refused(key, answer);
    },
    create: async (key, bytes) => {
      const answer = await write(key, bytes, { 'if-none-match': '*' });
      if (answer.status === 412 || answer.status === 409) return false; // there, or being written
      if (!answer.ok) throw refused(key, answer);
      return true;
    },
    remove: async (key) => {
      const answer = await call(key, { method: 'DELETE' });
      if (!answer.ok && answer.status !== 404) throw refused(key, answer);
    },
  };
}
