/** Code points by name (RFC 2474, 2597, 3246, 5865, 8622), as tc and nft spell them. */
export const DSCP_NAMES: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`cs${index}`, index * 8])),
  ...Object.fromEntries(
    [1, 2, 3, 4].flatMap((group) =>
      [1, 2, 3].map((drop) => [`af${group}${drop}`, group * 8 + drop * 2])
    ),
  ),
  df: 0,
  be: 0,
  le: 1,
  va: 44,
  ef: 46,
};

/** A code point by name or as a number from 0 to 63; undefined where the text is neither. */
export function parseDscp(text: string): number | undefined {
  const name = text.toLowerCase();
  if (Object.hasOwn(DSCP_NAMES, name)) return DSCP_NAMES[name];
  if (!/^\d{1,2}$/.test(text)) return undefined;
  return Number(text) <= 63 ? Number(text) : undefined;
}
