import { describe, expect, it } from 'vitest';
import { createLog, type LogOptions, redactText } from '../../src/observe/log.ts';

function logged(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  return { lines, log: createLog({ format: 'json', write: (line) => void lines.push(line), ...options }) };
}

describe('the log', () => {
  it('writes one JSON object a line, with what it was narrowed to', () => {
    const { lines, log } = logged();
    log
      .child({ connection: 'feeds', stream: 'inventory' })
      .child({ run: 'run_1' })
      .warn({ file: 'a.csv', count: 3 }, 'The file is empty.');
    log.debug({}, 'not at this level');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        connection: 'feeds',
        stream: 'inventory',
        run: 'run_1',
        file: 'a.csv',
        count: 3,
        msg: 'The file is empty.',
      },
    ]);
  });

  it('reads like text at a terminal, on one line, without control characters', () => {
    const { lines, log } = logged({ format: 'text' });
    log
      .child({ connection: 'feeds', stream: 'inventory' })
      .info({ file: 'a\u001b[31m\nb.csv', of: { rows: 2 } }, 'Read.');
    expect(lines).toEqual([
      expect.stringMatching(/^\d\d:\d\d:\d\d INFO {2}feeds\/inventory Read\. file=a b\.csv of=\{"rows":2\}\n$/),
    ]);
  });

  it('hides secrets and personal data by name, however deep, and by form wherever they stand', () => {
    const { lines, log } = logged({ secrets: () => ['hunter2!'] });
    const fields = {
      password: 'a',
      apiKey: 'b',
      nested: [{ access_token: 'c', headers: { Authorization: 'Bearer d' } }],
      email: 'e@f.gh',
      first_name: 'Ada',
      shipping_address: { street: 'x' },
      url: 'postgres://user:pa%24s@db/x',
      note: 'key mk_live_0123456789abcdef01234567 and ada@example.com',
      other: 'it was hunter2!',
      safe: 'kept',
      token_count: 3,
      error: Object.assign(new Error('no hunter2! here', { cause: new Error('Bearer abcdefghijkl') }), { code: 'E1' }),
    };
    log.error(fields, 'login with hunter2! failed');
    const text = lines.join();
    expect(text).not.toMatch(/hunter2|Ada|e@f\.gh|pa%24s|mk_live_0|ada@|abcdefghijkl|"street"/);
    expect(JSON.parse(text)).toMatchObject({
      safe: 'kept',
      password: '[hidden]',
      url: 'postgres://[hidden]@db/x',
      error: { code: 'E1', message: 'no [hidden] here', cause: { message: 'Bearer [hidden]' } },
      msg: 'login with [hidden] failed',
    });
  });

  it('survives circles, big numbers, bytes and invalid dates', () => {
    const { lines, log } = logged();
    const circle: Record<string, unknown> = { big: 1n, bytes: new Uint8Array(3), when: new Date(Number.NaN) };
    circle['self'] = circle;
    log.info(circle, 'ok');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ big: '1', bytes: '3 bytes', when: null, msg: 'ok' });
  });

  it('hides nothing that is no secret', () => {
    for (const text of [
      'products-2026.csv',
      'Run run_00000000001 of feeds/inventory',
      'http://shop.example.com/a:b',
      '12:30 @ noon',
    ])
      expect(redactText(text)).toBe(text);
  });
});
