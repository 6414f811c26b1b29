// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the configuration has references of that form
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { checkSettings } from '../../src/config/settings.ts';
import { secret, z } from '../../src/connector/index.ts';

const files = {
  name: 'files',
  config: z.strictObject({
    path: z.string().optional().describe('local folder'),
    sftp: z
      .strictObject({ host: z.string(), port: z.int().max(65535).default(22), password: secret('password') })
      .optional(),
    streams: z.record(
      z.string(),
      z.strictObject({
        files: z.union([z.string(), z.array(z.strictObject({ pattern: z.string() }))]),
        kind: z.enum(['snapshot', 'delta']).default('delta'),
      }),
    ),
  }),
};
/** Not strict: it would drop what it does not know. */
const shop = { name: 'shop', config: z.object({ url: z.url(), limits: z.object({ perSecond: z.int() }).optional() }) };

describe('checkSettings', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tributary-settings-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const check = async <T>(
    connector: { name: string; config: z.ZodType<T> },
    connection: string,
    env: Record<string, string> = {},
  ) => {
    await writeFile(
      join(dir, 'tributary.yaml'),
      `connections:\n  one:\n    connector: ${connector.name}\n${connection}`,
    );
    const config = loadConfig({ dir, env });
    const [one] = config.connections;
    if (!one) throw new Error('no connection');
    const { settings, problems } = checkSettings(connector, one, config);
    return {
      settings,
      problems: problems.map((problem) => `${problem.line}:${problem.column} ${problem.message} ${problem.remedy}`),
    };
  };

  it('gives the connector its settings, those of its streams beside', async () => {
    expect(
      await check(
        files,
        '    sftp: { host: h, port: "${P}", password: "${W}" }\n    streams: { a: { files: x.csv, every: daily } }\n',
        { P: '2222', W: '0123' },
      ),
    ).toEqual({
      problems: [],
      settings: {
        sftp: { host: 'h', port: 2222, password: '0123' },
        streams: { a: { files: 'x.csv', kind: 'delta' } },
      },
    });
  });

  it('places what the schema finds in the file', async () => {
    const { settings, problems } = await check(
      files,
      '    pth: x\n    directon: in\n    sftp: { host: 5, port: 99999 }\n    streams:\n      a: { files: [{ pattern: 3 }], kid: delta }\n      b: { kind: deltas }\n',
    );
    expect(settings).toBeNull();
    expect(problems).toEqual([
      '4:5 `connections.one.pth` is no known setting. Did you mean `path`?',
      '5:5 `connections.one.directon` is no known setting. Did you mean `direction`?',
      '6:5 `connections.one.sftp.password` is missing. Add it: password.',
      '6:19 `connections.one.sftp.host` must be text, not a number. Correct the value.',
      '6:28 `connections.one.sftp.port` must be at most 65535. Correct the value.',
      '8:31 `connections.one.streams.a.files.0.pattern` must be text, not a number. Correct the value.',
      '8:37 `connections.one.streams.a.kid` is no known setting. Did you mean `kind`?',
      '9:7 `connections.one.streams.b.files` is missing. Add it.',
      '9:18 `connections.one.streams.b.kind` must be one of snapshot, delta. Did you mean `delta`?',
    ]);
  });

  it('finds names that a lenient schema would drop, and settings of streams nobody reads', async () => {
    const { problems } = await check(
      shop,
      '    url: https://x.example\n    urll: y\n    limits: { perSecond: 2, persecnd: 3 }\n    streams: { a: { evry: daily } }\n',
    );
    expect(problems).toEqual([
      '5:5 `connections.one.urll` is no known setting. Did you mean `url`?',
      '6:29 `connections.one.limits.persecnd` is no known setting. Did you mean `perSecond`?',
      '7:21 `connections.one.streams.a.evry` is no known setting. Did you mean `every`?',
    ]);
  });
});
