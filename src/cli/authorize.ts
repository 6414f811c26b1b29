import { spawn } from 'node:child_process';
import { TributaryError } from '../errors.ts';
import { command, EXIT, one } from './command.ts';
import type { CommandContext } from './context.ts';
import { json } from './render.ts';

const LOOK_MS = 300;

export const connectionsAuthorize = command({
  path: 'connections authorize',
  about: 'Log in at a vendor and let a connection use the account',
  details:
    'Prints the address of the vendor, waits until somebody has logged in there (ten minutes at most), and keeps the token encrypted.\nThe app at the vendor must allow <public_url>/oauth/callback as its redirect address, exactly.',
  args: { connection: one('Its name in tributary.yaml') },
  options: {},
  examples: [['tributary connections authorize crm', 'once, and again when the vendor refuses the token']],
  where: 'program',
  async run(context, { args }) {
    const redirectUri = `${address(context)}/oauth/callback`;
    const { logins, clock } = await context.app();
    const begun = await logins.begin(args.connection, redirectUri);
    if (context.json) await context.out(json({ address: begun.address, redirectUri, expiresAt: begun.expiresAt }));
    else await context.out(`Log in here; the vendor sends you back to ${redirectUri}\n\n  ${begun.address}\n\n`);
    const answer = context.isTty ? await context.ask('Open it in the browser of this machine? [y/N] ') : null;
    if (answer !== null && /^y(es)?$/i.test(answer.trim())) openBrowser(begun.address);
    for (;;) {
      const state = await logins.state(begun.id);
      if (state === 'done') {
        await context.err(`Connection ${args.connection} may be used now.\n`);
        return EXIT.ok;
      }
      if (state !== 'waiting')
        throw new TributaryError(
          'ERR_CONNECTOR_CREDENTIALS',
          state === 'over' ? 'Nobody logged in within ten minutes.' : state.problem,
          { remedy: `Try again: tributary connections authorize ${args.connection}` },
        );
      await clock.sleep(LOOK_MS, context.signal);
    }
  },
});

/** The vendor sends the person back to it, so somebody must answer there. */
function address(context: CommandContext): string {
  const { publicUrl, databaseUrl } = context.config();
  // With a database of its own the program may run elsewhere.
  if (context.service || databaseUrl !== null) {
    const url = publicUrl ?? context.service?.url;
    if (url !== undefined) return url;
    throw new TributaryError('ERR_CONFIG_INVALID', 'There is no address that the vendor could send you back to.', {
      remedy: 'Set PUBLIC_URL to the address of this program.',
    });
  }
  throw new TributaryError(
    'ERR_CLI_PROGRAM',
    'The program does not run, so nobody is there when the vendor sends you back.',
    {
      remedy: 'Start it (tributary start), then this command in another terminal.',
    },
  );
}

function openBrowser(url: string): void {
  const program = process.platform === 'darwin' ? 'open' : process.platform === 'win32' ? 'explorer' : 'xdg-open';
  const child = spawn(program, [url], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined); // The address stands on the screen.
  child.unref();
}
