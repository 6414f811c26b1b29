/** Answers of a shop: its headers and its errors, as WooCommerce 11.0 sends them. */
import type { Json, JsonObject } from '../../connector/contract.ts';
import type { SystemAnswer } from '../server.ts';
import { phpJson } from './values.ts';

export type ShopAnswer = {
  readonly status: number;
  readonly body: Json;
  readonly headers?: Readonly<Record<string, string>>;
};

export function shopError(
  status: number,
  code: string,
  message: string,
  data: JsonObject = {},
  headers: Readonly<Record<string, string>> = {},
): ShopAnswer {
  return { status, body: { code, message, data: { status, ...data } }, headers };
}

/** A parameter that is refused. `reason` is the text of its own error, `code` that error's code. */
export function badParameter(name: string, reason: string, code: string): ShopAnswer {
  return shopError(400, 'rest_invalid_param', `Invalid parameter(s): ${name}`, {
    params: { [name]: reason },
    details: { [name]: { code, message: reason, data: null } },
  });
}

/** `a, b, and c.`, as WordPress lists the words it takes. */
export const wordList = (words: readonly string[]): string => `${words.slice(0, -1).join(', ')}, and ${words.at(-1)}.`;

export const ALL_METHODS = 'GET, POST, PUT, PATCH, DELETE';

/** The answer on the wire. A shop that counts a page names it in `link`, any other answer names the API. */
export function sendable(answer: ShopAnswer, home: string, nowMs: number): SystemAnswer {
  return {
    status: answer.status,
    headers: {
      date: new Date(nowMs).toUTCString(),
      'x-powered-by': 'PHP/8.2.35',
      'content-type': 'application/json; charset=UTF-8',
      'x-robots-tag': 'noindex',
      link: `<${home}/wp-json/>; rel="https://api.w.org/"`,
      'x-content-type-options': 'nosniff',
      'access-control-expose-headers': 'X-WP-Total, X-WP-TotalPages, Link',
      'access-control-allow-headers': 'Authorization, X-WP-Nonce, Content-Disposition, Content-MD5, Content-Type',
      // Sent to whoever is logged in.
      ...(answer.headers?.vary === undefined
        ? {
            expires: 'Wed, 11 Jan 1984 05:00:00 GMT',
            'cache-control': 'no-cache, must-revalidate, max-age=0, no-store, private',
          }
        : {}),
      ...answer.headers,
    },
    body: phpJson(answer.body),
  };
}

/** A page of somebody else: maintenance, a proxy, a broken plugin. */
export function htmlPage(status: number, title: string, headers: Readonly<Record<string, string>> = {}): SystemAnswer {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=UTF-8', ...headers },
    body: `<!DOCTYPE html>\n<html dir='ltr'>\n<head>\n\t<title>${title}</title>\n</head>\n<body>${title}</body>\n</html>`,
  };
}
