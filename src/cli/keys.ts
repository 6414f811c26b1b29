import { createKey, type KeyFacts, listKeys, revokeKey, SCOPES } from '../api/keys.ts';
import { command, EXIT, flag, one, paging, words } from './command.ts';
import { facts, json, table } from './render.ts';

const shown = ({ id, name, prefix, scopes, createdAt, revokedAt }: KeyFacts) => ({
  id,
  name,
  prefix,
  scopes,
  createdAt: createdAt.toISOString(),
  revokedAt: revokedAt?.toISOString() ?? null,
});

export const keysCreate = command({
  path: 'keys create',
  about: 'Make an API key; it is shown once and never again',
  args: { name: one('What it is for, to recognise it by') },
  options: {
    scope: words('<scope>', `What it may do: ${SCOPES.join(', ')}`),
    test: flag('A key for trying out (mk_test_…), as every key of the sandbox is'),
  },
  examples: [
    ['tributary keys create storefront --scope read:inventory', 'a key that may only read stock'],
    ['tributary keys create backend', 'a key with every scope'],
  ],
  where: 'program',
  async run(context, { args, options }) {
    const { store, clock, config } = await context.app();
    const made = await createKey(store, clock, {
      tenant: config.tenant,
      name: args.name,
      scopes: options.scope.length > 0 ? options.scope : SCOPES,
      environment: options.test || config.file === null ? 'test' : 'live',
    });
    if (context.json) await context.out(json({ key: made.key, ...shown(made.facts) }));
    else {
      await context.out(`${made.key}\n`);
      await context.err(
        `Key ${made.facts.id} (${made.facts.name}) may ${made.facts.scopes.join(', ')}. Keep it now: it is not shown again.\n`,
      );
    }
    return EXIT.ok;
  },
});

export const keysList = command({
  path: 'keys list',
  about: 'List API keys, the newest first',
  args: {},
  options: paging,
  examples: [['tributary keys list', 'all keys, with the first characters of each']],
  where: 'program',
  async run(context, { options }) {
    const { store, config } = await context.app();
    const from = (options.page - 1) * options.limit;
    const keys = (await listKeys(store, config.tenant)).map(shown).slice(from, from + options.limit);
    if (context.json) await context.out(json(keys));
    else if (keys.length === 0) await context.out('No keys.\n');
    else {
      await context.out(
        table(keys, [
          { title: 'KEY', of: (key) => key.id },
          { title: 'NAME', of: (key) => key.name },
          { title: 'BEGINS', of: (key) => `${key.prefix}…` },
          { title: 'SCOPES', of: (key) => key.scopes.join(' ') },
          { title: 'CREATED (UTC)', of: (key) => key.createdAt.slice(0, 19).replace('T', ' ') },
          { title: 'REVOKED (UTC)', of: (key) => key.revokedAt?.slice(0, 19).replace('T', ' ') ?? '' },
        ]),
      );
    }
    return EXIT.ok;
  },
});

export const keysRevoke = command({
  path: 'keys revoke',
  about: 'End an API key; from the next request on it is refused',
  args: { key: one('Its id (key_…), as keys list shows it') },
  options: {},
  examples: [['tributary keys revoke key_0000001a2b3', 'ends it for good']],
  where: 'program',
  async run(context, { args }) {
    const { store, clock, config } = await context.app();
    const key = shown(await revokeKey(store, clock, { tenant: config.tenant, id: args.key }));
    await context.out(context.json ? json(key) : facts({ key: key.id, name: key.name, revoked: key.revokedAt }));
    return EXIT.ok;
  },
});
