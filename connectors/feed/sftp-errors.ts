/** What the SFTP client throws, as errors of ours. */
import { TributaryError } from '../../src/errors.ts';
import { VanishedFile } from './folder.ts';

/** SFTP status codes: https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02#section-7 */
const NO_SUCH_FILE = 2;
const PERMISSION_DENIED = 3;

export function asSftpError(thrown: unknown, where: string): Error {
  if (thrown instanceof TributaryError || thrown instanceof VanishedFile) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = codeOf(thrown);
  if (code === NO_SUCH_FILE || code === 'ERR_NOT_EXIST' || code === 'ENOENT') return new VanishedFile(where);
  if (code === PERMISSION_DENIED)
    return credentials(
      `${where}: permission denied`,
      'Give the SFTP account the right to read the folder (and to write it when archive is set).',
      thrown,
    );
  // The client has no codes for these two.
  if (/authentication methods failed/i.test(message)) {
    return credentials(
      `${where}: the server refused the user name, password or key`,
      'Correct username and password or key in tributary.yaml.',
      thrown,
    );
  }
  if (/cannot parse privatekey|encrypted private|bad passphrase|no passphrase/i.test(message)) {
    return credentials(
      `${where}: the private key cannot be read (wrong format, or wrong passphrase)`,
      'Correct privateKey and passphrase; OpenSSH and PEM keys can be read.',
      thrown,
    );
  }
  return new TributaryError('ERR_CONNECTOR_UNREACHABLE', `${where}: ${wordsFor(code) ?? message}`, {
    evidence: { cause: String(code ?? 'connection') },
    cause: thrown,
  });
}

function wordsFor(code: unknown): string | undefined {
  if (code === 'ECONNREFUSED') return 'nothing listens there (connection refused)';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the host name cannot be resolved';
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'the connection broke';
  return undefined;
}

function credentials(message: string, remedy: string, cause: unknown): TributaryError {
  return new TributaryError('ERR_CONNECTOR_CREDENTIALS', message, { remedy, cause });
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}
