import { migrate, pendingMigrations } from '../store/migrate.ts';
import { command, EXIT, flag } from './command.ts';
import { counted, json } from './render.ts';

export const migrateCommand = command({
  path: 'migrate',
  about: 'Bring the store to this program’s schema',
  details: 'Starting the program does so too; this is for doing it at a moment of your own.',
  args: {},
  options: { check: flag('Only say what is missing; exit code 3 when something is') },
  examples: [
    ['tributary migrate', 'applies what is missing, all or nothing'],
    ['tributary migrate --check', 'changes nothing'],
  ],
  where: 'program',
  async run(context, { options }) {
    const store = await context.store();
    const pending = options.check ? await pendingMigrations(store) : 0;
    const applied = options.check ? 0 : await migrate(store);
    if (context.json) await context.out(json({ applied, pending }));
    else if (options.check)
      await context.out(pending === 0 ? 'Nothing is missing.\n' : `${counted(pending, 'migration')} missing.\n`);
    else await context.out(applied === 0 ? 'Nothing was missing.\n' : `${counted(applied, 'migration')} applied.\n`);
    return pending > 0 ? EXIT.attention : EXIT.ok;
  },
});
