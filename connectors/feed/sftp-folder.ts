import type { ConnectionContext } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { SftpSettings } from './config.ts';
import type { Folder } from './folder.ts';

export async function openSftpFolder(_settings: SftpSettings, _context: ConnectionContext): Promise<Folder> {
  throw new TributaryError('ERR_CONNECTOR_UNSUPPORTED', 'SFTP is not built yet');
}
