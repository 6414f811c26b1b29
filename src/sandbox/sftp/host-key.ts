/** The host key of the SFTP server, and how people compare it. */
import { createHash } from 'node:crypto';
import ssh2 from 'ssh2';

/** A private key in the format of OpenSSH. */
export const makeHostKey = (): string => ssh2.utils.generateKeyPairSync('ed25519').private;

/** As `ssh-keygen -l` prints it. */
export function fingerprintOf(privateKey: string): string {
  const key = ssh2.utils.parseKey(privateKey);
  if (key instanceof Error) throw key;
  const [one] = [key].flat();
  if (!one) throw new RangeError('there is no key in it');
  return `SHA256:${createHash('sha256').update(one.getPublicSSH()).digest('base64').replace(/=+$/, '')}`;
}
