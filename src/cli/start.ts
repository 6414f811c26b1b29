import { once } from 'node:events';
import { createLog } from '../observe/log.ts';
import { startService } from '../service.ts';
import { command, EXIT } from './command.ts';

/** How long stopping may take; then the process ends, and what was in the air is done again after the next start. */
const STOP_MS = 10_000;

export const start = command({
  path: 'start',
  about: 'Start the program: workers, schedules, watches and the API, until Ctrl-C',
  details: 'Without tributary.yaml it runs the sandbox: files dropped into .tributary/feeds are read and loaded.',
  args: {},
  options: {},
  examples: [
    ['tributary start', 'with the tributary.yaml of this folder, or as sandbox'],
    ['tributary start --dir /srv/acme', 'with that of another folder'],
  ],
  where: 'here',
  async run(context) {
    const config = context.config();
    const log = createLog({ format: context.isTty ? 'text' : 'json', write: (line) => void context.err(line) });
    const service = await startService(config, { log });
    await context.out(`Tributary runs at ${service.url}\n`);
    if (!context.signal.aborted) await once(context.signal, 'abort');
    await Promise.race([service.stop(), new Promise((resolve) => setTimeout(resolve, STOP_MS))]);
    return EXIT.ok;
  },
});
