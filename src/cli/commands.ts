/** Every command that can run inside the program, in the order of the help. `start` is not among them: it is the program. */

import { connectionsAuthorize } from './authorize.ts';
import { connectionsBudgets } from './budgets.ts';
import { checkpointsReset, checkpointsShow } from './checkpoints.ts';
import type { Command } from './command.ts';
import { connectionsApproveWrites, connectionsWrites } from './connection-writes.ts';
import {
  connectionsCheck,
  connectionsList,
  connectionsPause,
  connectionsResume,
  connectionsSample,
} from './connections.ts';
import { connectorsList, connectorsNew } from './connectors.ts';
import { deadlettersAccept, deadlettersList, deadlettersReplay, deadlettersShow } from './deadletters.ts';
import { doctor } from './doctor.ts';
import { explainCommand } from './explain.ts';
import { exportCommand } from './export.ts';
import { init } from './init.ts';
import { keysCreate, keysList, keysRevoke } from './keys.ts';
import { mappingCheck, mappingNew, mappingPreview, mappingTest } from './mapping.ts';
import { migrateCommand } from './migrate.ts';
import { recordsList, recordsShow } from './records.ts';
import { runsApprove, runsCancel, runsLogs, runsShow } from './runs.ts';
import { runsList } from './runs-list.ts';
import { SANDBOX_COMMANDS } from './sandbox.ts';
import { sync } from './sync.ts';
import { connectionsSubscribe, connectionsUnsubscribe } from './webhooks.ts';

export const COMMANDS: readonly Command[] = [
  init,
  sync,
  ...[connectionsList, connectionsCheck, connectionsSample, connectionsPause, connectionsResume],
  ...[connectionsBudgets, connectionsAuthorize, connectionsSubscribe, connectionsUnsubscribe],
  ...[connectionsWrites, connectionsApproveWrites],
  ...[connectorsList, connectorsNew],
  ...[mappingCheck, mappingTest, mappingPreview, mappingNew],
  ...[runsList, runsShow, runsLogs, runsCancel, runsApprove],
  ...[recordsList, recordsShow],
  ...[deadlettersList, deadlettersShow, deadlettersReplay, deadlettersAccept],
  explainCommand,
  exportCommand,
  ...[checkpointsShow, checkpointsReset],
  ...[keysCreate, keysList, keysRevoke],
  migrateCommand,
  ...SANDBOX_COMMANDS,
  doctor,
];
