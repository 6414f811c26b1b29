import { secret, z } from '../../src/connector/index.ts';

/** Settings of an Acme connection. */
export const config = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .transform((url) => url.replace(/\/+$/, ''))
    .describe('address of the API'),
  accessToken: secret('access token'),
  timeoutMs: z.int().min(1000).default(30_000).describe('longest wait for an answer'),
});

export type AcmeConfig = z.infer<typeof config>;
