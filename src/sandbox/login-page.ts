/** The page where a person grants access: they agree at once, and the browser goes back with a code that is good once. */
import { createHash, randomBytes } from 'node:crypto';
import type { SystemAnswer } from './server.ts';

/** Text of a token or code that nobody has seen, also before a restart that forgot which were given out. */
export const newSecret = (): string => randomBytes(18).toString('base64url');

type Code = { readonly redirectUri: string; readonly challenge: string | null; readonly until: number };

export type LoginPage = {
  /** Sends the browser back with a code, and with the state it came with. */
  agree(query: URLSearchParams): SystemAnswer;
  /** What a code is worth to whoever brings it, which ends it. */
  redeem(form: URLSearchParams): 'granted' | 'no code' | 'other address' | 'not who asked';
};

/** @param codeMs how long a code is good */
export function makeLoginPage(now: () => number, codeMs: number, prefix: string): LoginPage {
  const codes = new Map<string, Code>();
  return {
    agree(query) {
      const redirectUri = query.get('redirect_uri') ?? '';
      const code = `${prefix}${newSecret()}`;
      codes.set(code, { redirectUri, challenge: query.get('code_challenge'), until: now() + codeMs });
      const back = new URL(redirectUri);
      back.searchParams.set('code', code);
      const state = query.get('state');
      if (state !== null) back.searchParams.set('state', state);
      return { status: 302, headers: { location: back.toString() } };
    },
    redeem(form) {
      const name = form.get('code') ?? '';
      const code = codes.get(name);
      codes.delete(name);
      if (!code || code.until < now()) return 'no code';
      if (code.redirectUri !== form.get('redirect_uri')) return 'other address';
      const proof = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      return code.challenge !== null && code.challenge !== proof ? 'not who asked' : 'granted';
    },
  };
}
