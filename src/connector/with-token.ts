/**
 * Makes a call with an access token, and once more with another one where the vendor refused it.
 * @param tokenOf gives a valid token; told the refused one, another where there is one
 * @param isRefused whether an error says that the token was refused
 * @throws what the last call throws
 */
export async function withToken<T>(
  tokenOf: (rejected?: string) => Promise<string>,
  isRefused: (error: unknown) => boolean,
  call: (token: string) => Promise<T>,
): Promise<T> {
  const token = await tokenOf();
  try {
    return await call(token);
  } catch (error) {
    if (!isRefused(error)) throw error;
    const renewed = await tokenOf(token);
    if (renewed === token) throw error;
    return call(renewed);
  }
}
