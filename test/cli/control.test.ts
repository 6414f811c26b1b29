import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publicId } from '../../src/canonical/ids.ts';
import { serveControl } from '../../src/cli/control.ts';
import { callControl } from '../../src/cli/control-client.ts';
import { controlFile, storeOf } from '../../src/cli/control-place.ts';
import { type FromProgram, PROTOCOL, readLines, writeLine } from '../../src/cli/control-wire.ts';
import { VERSION } from '../../src/cli/version.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/types.ts';
import { silentLog } from '../../src/observe/log.ts';
import { type Service, startService } from '../../src/service.ts';
import { sql } from '../../src/store/store.ts';
import { waitFor } from '../support/services.ts';
import { finish, keepingTerminal, makePlace, type Place, product, products, throughProgram } from './support.ts';

const MINUTE = 60_000;
const ROWS = 20_000;

describe('the control socket', () => {
  let place: Place;
  let config: Config;
  let service: Service;

  const call = (
    args: readonly string[],
    options: { terminal?: ReturnType<typeof keepingTerminal>; signal?: AbortSignal } = {},
  ) =>
    callControl(config, args, {
      terminal: options.terminal ?? keepingTerminal(place.dir),
      canAnswer: false,
      signal: options.signal ?? new AbortController().signal,
    });
  const request = (changes: Record<string, unknown> = {}) => ({
    ...{
      type: 'request',
      protocol: PROTOCOL,
      version: VERSION,
      store: storeOf(config),
      argv: ['runs', 'list'],
      cwd: place.dir,
      isTty: false,
      canAnswer: false,
      columns: 80,
    },
    ...changes,
  });

  beforeAll(async () => {
    place = await makePlace();
    config = loadConfig({ dir: place.dir, env: {} });
    service = await startService(config, { log: silentLog });
    const { store, streams } = service.app;
    await store.rows(sql`
      insert into product (id, tenant, sku, name, description, created_at, updated_at)
      select 1000000000 + n, ${streams.tenant}::integer, 'S-' || n, 'Product ' || n, repeat('x', 200), now(), now() from generate_series(1, ${ROWS}::integer) n`);
  }, MINUTE);

  afterAll(async () => {
    await service?.stop();
    await place?.[Symbol.asyncDispose]();
  });

  it('is for its user alone', () => {
    expect(statSync(join(place.dir, '.tributary')).mode & 0o777).toBe(0o700);
    expect(statSync(join(place.dir, '.tributary/control.sock')).mode & 0o777).toBe(0o600);
    expect(statSync(controlFile(config)).mode & 0o777).toBe(0o600);
  });

  it('serves many clients at once, each with its own answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => throughProgram(place.dir, 'keys', 'create', `key ${at}`, '--json')),
    );
    expect(new Set(answers.map(({ out }) => JSON.parse(out).name)).size).toBe(20);
    expect(answers.every(({ code }) => code === 0)).toBe(true);
  });

  it(
    'sends a large export whole, in order',
    async () => {
      const terminal = keepingTerminal(place.dir);
      expect(await call(['export', 'product'], { terminal })).toBe(0);
      const lines = terminal.said.out.trimEnd().split('\n');
      expect(lines.length).toBe(ROWS);
      expect(lines.map((line) => JSON.parse(line).sku)).toEqual(
        Array.from({ length: ROWS }, (_, at) => `S-${at + 1}`).sort(),
      );
    },
    MINUTE,
  );

  it(
    'waits for a client that reads slowly, and serves others meanwhile; one that goes away ends its command',
    async () => {
      let taken = 0;
      const go = Promise.withResolvers<void>();
      const terminal = keepingTerminal(place.dir, async () => {
        taken += 1;
        if (taken > 1) await go.promise;
      });
      const slow = call(['export', 'product'], { terminal });
      await waitFor('the first piece', () => taken > 1 || undefined);
      // What is on its way is bounded by the socket's buffers, not by the export.
      expect((await throughProgram(place.dir, 'runs', 'list')).code).toBe(0);
      expect((await throughProgram(place.dir, 'keys', 'create', 'meanwhile')).code).toBe(0);
      go.resolve();
      expect(await slow).toBe(0);
      expect(terminal.said.out.trimEnd().split('\n').length).toBe(ROWS);
    },
    MINUTE,
  );

  it(
    'ends a command when its client asks it to',
    async () => {
      const stop = new AbortController();
      const run = (await service.app.store.newIds(1)).next();
      const stream = service.app.streams.find('feeds', 'products');
      await service.app.store.rows(
        sql`insert into run (id, tenant, stream_id, state, mode, trigger, due_at, next_attempt_at) values (${run}, ${stream.tenant}, ${stream.id}, 'queued', 'incremental', 'command', now(), now() + interval '1 hour')`,
      );
      const id = publicId('run', run);
      const terminal = keepingTerminal(place.dir);
      const following = call(['runs', 'logs', id, '--follow'], { terminal, signal: stop.signal });
      const alsoFollowing = call(['runs', 'logs', id, '--follow', '--json']);
      setImmediate(() => stop.abort());
      expect(await following).toBe(1);
      expect(terminal.said.err).toContain('ERR_CLI_CANCELLED');
      expect((await throughProgram(place.dir, 'runs', 'cancel', id)).out).toContain('is cancelled');
      expect(await alsoFollowing).toBe(0);
    },
    MINUTE,
  );

  it(
    'cancels the runs of a sync whose client dies, and the program goes on',
    async () => {
      place.put('feeds/products-1.csv', products(Array.from({ length: 3_000 }, (_, at) => product(`D-${at}`))));
      const child = place.spawn('sync', 'feeds/products');
      const state = async () =>
        JSON.parse((await throughProgram(place.dir, 'runs', 'list', '--limit', '1', '--json')).out)[0];
      await waitFor('the run', async () => (await state()).state === 'running' || undefined);
      child.kill('SIGKILL');
      const ended = await waitFor('its end', async () => {
        const run = await state();
        return run.state === 'cancelled' ? run : undefined;
      });
      expect(ended.read).toBeLessThan(3_000);
      const again = await throughProgram(place.dir, 'sync', 'feeds/products', '--json');
      expect(JSON.parse(again.out)[0]).toMatchObject({ state: 'succeeded' });
      expect(
        (await throughProgram(place.dir, 'records', 'list', 'feeds/products', '--limit', '9999', '--json')).out.match(
          /"externalId"/g,
        )?.length,
      ).toBe(3_000);
    },
    MINUTE,
  );

  it(
    'sends nonsense away, and those who say nothing',
    async () => {
      const { path } = JSON.parse(readFileSync(controlFile(config), 'utf8'));
      for (const text of ['GET / HTTP/1.1\r\n\r\n', '{"type":"request"}\n', '[]\n', `${'x'.repeat(3 << 20)}`]) {
        const socket = connect(path);
        socket.on('error', () => undefined);
        socket.write(text);
        await closed(socket);
      }
      const quick = await serveControl(
        service,
        { ...config, dir: join(place.dir, 'elsewhere') },
        { requestMs: 50, closeMs: 100 },
      );
      await closed(connect(quick.path).on('error', () => undefined));
      await quick.close();
      expect(existsSync(quick.path)).toBe(false);
      expect((await throughProgram(place.dir, 'runs', 'list')).code).toBe(0);
    },
    MINUTE,
  );

  it('tells a client of another version what to do', async () => {
    const { path } = JSON.parse(readFileSync(controlFile(config), 'utf8'));
    const said = await speak(
      path,
      request({ protocol: PROTOCOL + 1, version: '99.0.0', argv: ['runs', 'list', '--json'] }),
    );
    expect(said.at(-1)).toEqual({ type: 'exit', code: 1 });
    expect(said.find((message) => message.type === 'out')).toMatchObject({
      text: expect.stringContaining('Restart the program'),
    });
  });

  it(
    'ends a command of a program that stops, and says so',
    async () => {
      const path = join(place.dir, 'short');
      mkdirSync(path);
      const short = { ...config, dir: path };
      const control = await serveControl(service, short);
      const terminal = keepingTerminal(place.dir, () => new Promise((wake) => setTimeout(wake, 5)));
      const exporting = callControl(short, ['export', 'product'], {
        terminal,
        canAnswer: false,
        signal: new AbortController().signal,
      });
      await waitFor('the first lines', () => terminal.said.out !== '' || undefined);
      await control.close();
      expect(await exporting).toBe(1);
      expect(terminal.said.err).toContain('ERR_CLI_PROGRAM');
    },
    MINUTE,
  );

  it('is not taken when the configuration means another store', async () => {
    const other = { ...config, databaseUrl: 'postgres://elsewhere/db' };
    expect(
      await callControl(other, ['runs', 'list'], {
        terminal: keepingTerminal(place.dir),
        canAnswer: false,
        signal: new AbortController().signal,
      }),
    ).toBeNull();
  });

  it('finds a short place where the path is too long for a socket', async () => {
    const deep = join(place.dir, 'a'.repeat(60), 'b'.repeat(60));
    mkdirSync(deep, { recursive: true });
    const far = { ...config, dir: deep };
    const control = await serveControl(service, far);
    expect(control.path.startsWith(tmpdir())).toBe(true);
    expect(statSync(dirname(control.path)).mode & 0o777).toBe(0o700);
    const terminal = keepingTerminal(deep);
    expect(
      await callControl(far, ['runs', 'list', '--json'], {
        terminal,
        canAnswer: false,
        signal: new AbortController().signal,
      }),
    ).toBe(0);
    await control.close();
    expect(existsSync(dirname(control.path))).toBe(false);
    expect(
      await callControl(far, ['runs', 'list'], { terminal, canAnswer: false, signal: new AbortController().signal }),
    ).toBeNull();
  });
});

describe('a program that is not there', () => {
  it(
    'whose socket was left by SIGKILL is no obstacle, neither to a command nor to the next start',
    async () => {
      await using place = await makePlace();
      const program = await place.start();
      await program.kill();
      expect(existsSync(join(place.dir, '.tributary/control.sock'))).toBe(true);
      expect(await place.run('runs', 'list')).toMatchObject({ code: 0, out: 'No runs.\n' });
      const again = await place.start();
      expect(await place.run('runs', 'list')).toMatchObject({ code: 0, out: 'No runs.\n' });
      expect(await again.stop()).toBe(0);
      expect(existsSync(join(place.dir, '.tributary/control.sock'))).toBe(false);
    },
    MINUTE,
  );

  it('that hangs is told from one that works', async () => {
    await using place = await makePlace();
    mkdirSync(join(place.dir, '.tributary'), { recursive: true, mode: 0o700 });
    const mute = await listening(
      createServer(() => undefined),
      join(place.dir, '.tributary/control.sock'),
    );
    const config = loadConfig({ dir: place.dir, env: {} });
    const attempt = callControl(config, ['runs', 'list'], {
      terminal: keepingTerminal(place.dir),
      canAnswer: false,
      signal: new AbortController().signal,
      greetingMs: 100,
    });
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_STORE_LOCKED' });
    mute.close();
  });

  it('that breaks off in the middle is an error, not a success', async () => {
    await using place = await makePlace();
    mkdirSync(join(place.dir, '.tributary'), { recursive: true, mode: 0o700 });
    const config = loadConfig({ dir: place.dir, env: {} });
    const broken = createServer((socket) => {
      void writeLine(socket, { type: 'hello', protocol: PROTOCOL, version: VERSION, store: storeOf(config), pid: 1 });
      void writeLine(socket, { type: 'out', text: 'half of it' }).then(() => setTimeout(() => socket.destroy(), 20));
    });
    await listening(broken, join(place.dir, '.tributary/control.sock'));
    const attempt = callControl(config, ['export', 'product'], {
      terminal: keepingTerminal(place.dir),
      canAnswer: false,
      signal: new AbortController().signal,
    });
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_CLI_PROGRAM' });
    broken.close();
  });

  it(
    'lets two commands share the store one after the other',
    async () => {
      await using place = await makePlace();
      place.put('feeds/products-1.csv', products([product('A-1')]));
      expect((await place.run('sync', 'feeds/products')).code).toBe(0);
      const both = await Promise.all([place.run('export', 'product'), place.run('export', 'product')]);
      expect(both[0]).toEqual(both[1]);
      expect(both[0]).toMatchObject({ code: 0, out: expect.stringContaining('A-1') });
    },
    MINUTE,
  );
});

describe('Ctrl-C', () => {
  it(
    'cancels a sync that runs alone; the next one goes on',
    async () => {
      await using place = await makePlace();
      place.put('feeds/products-1.csv', products(Array.from({ length: 4_000 }, (_, at) => product(`C-${at}`))));
      const child = place.spawn('sync', 'feeds/products', '--json');
      const ended = finish(child);
      // Alone on PGlite the store cannot be watched from here: its journal grows once pages are committed.
      const wal = join(place.dir, '.tributary/store/PG_VERSION');
      await waitFor('the store', () => existsSync(wal) || undefined);
      await waitFor(
        'the scratch folder of an open source',
        () => existsSync(join(place.dir, '.tributary/scratch')) || undefined,
      );
      child.kill('SIGINT');
      const first = await ended;
      expect(first.code).toBe(1);
      expect(JSON.parse(first.out).error.code).toBe('ERR_CLI_CANCELLED');
      const again = await place.run('sync', 'feeds/products', '--json');
      expect(again.code).toBe(0);
      const listed = await place.run('records', 'list', 'feeds/products', '--limit', '9999', '--json');
      expect(JSON.parse(listed.out).length).toBe(4_000);
      const runs = JSON.parse((await place.run('runs', 'list', '--json')).out);
      expect(runs.map((run: { state: string }) => run.state)).toEqual(
        runs.length === 2 ? ['succeeded', 'cancelled'] : ['succeeded'],
      );
    },
    2 * MINUTE,
  );

  it(
    'and a closed pipe end an export quietly',
    async () => {
      await using place = await makePlace();
      place.put('feeds/products-1.csv', products(Array.from({ length: 500 }, (_, at) => product(`P-${at}`))));
      await place.run('sync', 'feeds/products');
      const child = place.spawn('export', 'product');
      child.stdout?.once('data', () => child.stdout?.destroy());
      let err = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        err += text;
      });
      await new Promise((resolve) => child.once('exit', resolve));
      expect(err).not.toContain('    at ');
    },
    MINUTE,
  );
});

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.resume();
    socket.on('close', () => resolve());
  });

function listening(server: Server, path: string): Promise<Server> {
  rmSync(path, { force: true });
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}

async function speak(path: string, request: unknown): Promise<FromProgram[]> {
  const socket = connect(path);
  socket.write(`${JSON.stringify(request)}\n`);
  const said: FromProgram[] = [];
  for await (const line of readLines(socket, 1 << 20)) said.push(line as FromProgram);
  return said;
}
