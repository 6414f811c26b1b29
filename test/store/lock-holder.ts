/** Holds the lock of a folder until it is told to go, or is killed. Run with the folder as argument. */
import { lockFolder } from '../../src/store/lock.ts';

try {
  const unlock = await lockFolder(process.argv[2] ?? '');
  process.stdout.write('held\n');
  process.stdin.once('data', () => {
    void unlock().then(() => process.stdout.write('freed\n'));
  });
} catch (thrown) {
  process.stdout.write(`${thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)}\n`);
}
