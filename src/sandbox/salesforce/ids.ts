/** Ids as Salesforce makes them: a prefix by object, the pod, a counter to the base of 62, and three letters that keep the case. */
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SUFFIX = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345';
const POD = '5g0000';
const SHORT = 15;

/** @param count of the object, from 1 */
export function makeId(keyPrefix: string, count: number): string {
  let left = count;
  let digits = '';
  while (digits.length < SHORT - keyPrefix.length - POD.length) {
    digits = DIGITS.charAt(left % DIGITS.length) + digits;
    left = Math.floor(left / DIGITS.length);
  }
  return longId(keyPrefix + POD + digits);
}

/** The form of 18 characters; what is no id comes back as it is. */
export function longId(text: string): string {
  if (!/^[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?$/.test(text)) return text;
  const short = text.slice(0, SHORT);
  const suffix = [0, 5, 10].map((start) => {
    const bits = [...short.slice(start, start + 5)].reduce(
      (sum, letter, at) => sum | (/[A-Z]/.test(letter) ? 1 << at : 0),
      0,
    );
    return SUFFIX.charAt(bits);
  });
  return short + suffix.join('');
}
