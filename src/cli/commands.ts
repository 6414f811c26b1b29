/** Every command that can run inside the program, in the order of the help. `start` is not among them: it is the program. */
import type { Command } from './command.ts';
import { exportCommand } from './export.ts';
import { keysCreate, keysList, keysRevoke } from './keys.ts';
import { runsList } from './runs-list.ts';
import { sync } from './sync.ts';

export const COMMANDS: readonly Command[] = [sync, runsList, exportCommand, keysCreate, keysList, keysRevoke];
