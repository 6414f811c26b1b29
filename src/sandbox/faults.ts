/** What goes wrong on purpose. Vendor systems ask; whoever tests decides, by seed. */

/** `limited`, `unavailable`, `expired` and `html` are answered in the vendor's own shape; `cut` and `slow` are the socket's. */
export type RequestFault =
  | { readonly kind: 'limited'; readonly retryAfterMs: number }
  | { readonly kind: 'unavailable'; readonly status: 500 | 502 | 503 | 504 }
  /** The access token is refused although it was good a moment ago. */
  | { readonly kind: 'expired' }
  /** A page of somebody else (proxy, maintenance) with this status. */
  | { readonly kind: 'html'; readonly status: 200 | 500 | 503 }
  /** The answer ends in the middle. */
  | { readonly kind: 'cut' }
  /** The answer comes in pieces over this time. */
  | { readonly kind: 'slow'; readonly ms: number };

export type Faults = {
  /** Asked once for each request, before anything is done. `null`: nothing goes wrong. */
  onRequest(request: { readonly method: string; readonly path: string }): RequestFault | null;
  /**
   * Asked after a list was answered and before the next one: a hostile source may change records here (page shifts, records
   * that vanish between list and read).
   */
  betweenPages?(stream: string): void;
  /** What becomes of a good answer in JSON: fields that nobody knew, or optional ones that are missing. */
  drift?(body: object): object;
  /** What becomes of a webhook delivery. `late`: behind the next one. */
  onWebhook(): 'deliver' | 'lose' | 'double' | 'late';
  /** How far the system's clock is off. */
  readonly clockSkewMs: number;
};

export const NO_FAULTS: Faults = { onRequest: () => null, onWebhook: () => 'deliver', clockSkewMs: 0 };
