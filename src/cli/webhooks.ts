import type { App } from '../app.ts';
import { TributaryError } from '../errors.ts';
import { subscribe, unsubscribe, webhookUrl } from '../inbound/subscriptions.ts';
import { actor } from './actor.ts';
import { command, EXIT, one } from './command.ts';
import type { CommandContext } from './context.ts';
import { counted, json, plain } from './render.ts';

const NAME = one('Its name in tributary.yaml');

export const connectionsSubscribe = command({
  path: 'connections subscribe',
  about: 'Have a vendor send webhooks for the streams of a connection',
  details:
    'Webhooks go to <public_url>/webhooks/in/<connection>. What they name is read again within seconds; the schedule still finds what they miss.',
  args: { connection: NAME },
  options: {},
  examples: [['tributary connections subscribe shop', 'once, and again after streams or public_url changed']],
  where: 'program',
  async run(context, { args }) {
    const app = await context.app();
    const url = webhookUrl(publicUrl(context), args.connection);
    const made = await withSource(context, app, args.connection, (source) =>
      subscribe(depsOf(app), args.connection, source, { url, actor: actor() }),
    );
    if (context.json) await context.out(json(made));
    else
      await context.out(
        `${made.map((one) => `${one.state === 'active' ? 'active  ' : 'disabled'}  ${plain(one.topic)}\n`).join('')}${counted(made.length, 'webhook')} to ${url}\n`,
      );
    return made.every((one) => one.state === 'active') ? EXIT.ok : EXIT.attention;
  },
});

export const connectionsUnsubscribe = command({
  path: 'connections unsubscribe',
  about: 'Have a vendor send no more webhooks for a connection',
  args: { connection: NAME },
  options: {},
  examples: [['tributary connections unsubscribe shop', 'before the program moves to another address']],
  where: 'program',
  async run(context, { args }) {
    const app = await context.app();
    await withSource(context, app, args.connection, (source) =>
      unsubscribe(depsOf(app), args.connection, source, actor()),
    );
    await context.out(
      context.json
        ? json({ connection: args.connection, subscribed: false })
        : `The vendor sends no more webhooks for ${args.connection}.\n`,
    );
    return EXIT.ok;
  },
});

const depsOf = (app: App) => ({ store: app.store, clock: app.clock, tenant: app.streams.tenant });

type Opened = Awaited<ReturnType<App['openSource']>>;

async function withSource<T>(
  context: CommandContext,
  app: App,
  connection: string,
  work: (source: Opened) => Promise<T>,
): Promise<T> {
  const source = await app.openSource(connection, context.signal);
  try {
    return await work(source);
  } finally {
    await source.close();
  }
}

/** The address vendors are told: the configured one, else the program's own, which only a vendor on this machine reaches. */
function publicUrl(context: CommandContext): string {
  const url = context.config().publicUrl ?? context.service?.url;
  if (url !== undefined) return url;
  throw new TributaryError('ERR_CONFIG_INVALID', 'There is no address that a vendor could send webhooks to.', {
    remedy: 'Set PUBLIC_URL to the https address of this program, or start the program to use its local one.',
  });
}
