/** argv -> one command -> exit code. */
import { mainCommand } from './cli/main-command.ts';
import { start } from './cli/start.ts';

process.exitCode = await mainCommand(process.argv.slice(2), [start]);
// Whatever a library left open must not keep a finished command alive.
process.exit();
