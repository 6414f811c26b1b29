/** Where secrets of the store are sealed: with TRIBUTARY_SECRET_KEY, or a key file that is made when it is first needed. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { decryptSecret, encryptSecret, type KeyRing, loadKeyRing } from './config/secrets.ts';
import type { Config } from './config/types.ts';
import type { Vault } from './connect/tokens.ts';
import type { Log } from './connector/contract.ts';

/** @param stateDir folder of the key file */
export function openVault(config: Pick<Config, 'secretKey'>, stateDir: string, log: Log): Vault {
  const file = join(stateDir, 'secret.key');
  let loading: Promise<KeyRing> | null = null;
  const ring = async () => {
    const isNew = config.secretKey === null && !existsSync(file);
    loading ??= loadKeyRing({ value: config.secretKey, file }).then((loaded) => {
      if (isNew)
        log.warn(
          { file },
          'A key for secrets in the store was made. Keep a copy of the file apart from the store: without it tokens must be issued anew. TRIBUTARY_SECRET_KEY takes its place.',
        );
      return loaded;
    });
    loading.catch(() => {
      loading = null;
    });
    return loading;
  };
  return {
    async ready() {
      await ring();
    },
    async seal(plaintext, boundTo) {
      const keys = await ring();
      return { sealed: encryptSecret(keys, plaintext, boundTo), keyId: keys.current.id };
    },
    open: async (sealed, boundTo) => decryptSecret(await ring(), sealed, boundTo),
  };
}
