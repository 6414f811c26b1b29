import { userInfo } from 'node:os';

/** Who typed the command, for the audit: the operating system's user. */
export function actor(): string {
  try {
    return `cli:${userInfo().username}`;
  } catch {
    return 'cli'; // A user id without a name, as in some containers.
  }
}
