/** What text the store accepts. */

/**
 * True when PostgreSQL can keep the text: no NUL, and every surrogate has its partner. Short texts are walked once;
 * long ones go to the engine's own routines, which are faster from about 40 characters on.
 */
export function isStorable(text: string): boolean {
  const length = text.length;
  if (length > 40) return text.isWellFormed() && !text.includes('\u0000');
  for (let at = 0; at < length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === 0) return false;
    if (unit >= 0xd800 && unit <= 0xdfff) return text.isWellFormed() && !text.includes('\u0000');
  }
  return true;
}

/** The text without space at its ends; most texts have none, and asking costs less than cutting. */
export function trimText(text: string): string {
  const first = text.charCodeAt(0);
  const last = text.charCodeAt(text.length - 1);
  return first > 32 && first < 128 && last > 32 && last < 128 ? text : text.trim();
}

/** Unicode composition (NFC); plain ASCII is composed already. */
export function composeText(text: string): string {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 127) return text.normalize('NFC');
  return text;
}

/** Length in characters as people and PostgreSQL count them (code points), at most one more than `limit`. */
export function isWithin(text: string, limit: number): boolean {
  if (text.length <= limit) return true;
  if (text.length > limit * 2) return false;
  let count = 0;
  for (const _ of text) {
    count += 1;
    if (count > limit) return false;
  }
  return true;
}

/** The text with a replacement character for whatever PostgreSQL cannot keep; for messages. */
export const storable = (text: string): string => text.toWellFormed().replaceAll('\u0000', '\ufffd');
