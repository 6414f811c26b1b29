import { open } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { TributaryError } from '../errors.ts';

// fs-native-extensions has no types; only these two calls are used.
const native = createRequire(import.meta.url)('fs-native-extensions') as {
  tryLock(fd: number): boolean;
  unlock(fd: number): void;
};

/**
 * Takes the operating system's lock beside a folder; it ends with the process, however that ends.
 * @throws ERR_STORE_LOCKED when another process holds it.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const file = await open(`${folder}.lock`, 'a');
  if (!native.tryLock(file.fd)) {
    await file.close();
    throw new TributaryError('ERR_STORE_LOCKED', `The store ${folder} is open in another program.`);
  }
  return async () => {
    native.unlock(file.fd);
    await file.close();
  };
}

/** Whether some process has the folder open. */
export async function isLocked(folder: string): Promise<boolean> {
  try {
    const unlock = await lockFolder(folder);
    await unlock();
    return false;
  } catch (thrown) {
    if (thrown instanceof TributaryError && thrown.code === 'ERR_STORE_LOCKED') return true;
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return false;
    throw thrown;
  }
}
