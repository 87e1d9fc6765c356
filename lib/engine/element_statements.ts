/** Elements per statement: nft's parser grows quadratic on very long lines. */
const ELEMENTS_PER_STATEMENT = 1_000;

/** nft's statements that add these elements to a set or map of a table, or delete them. Pure. */
export function elementStatements(
  verb: "add" | "delete",
  table: string,
  collection: string,
  items: readonly string[],
): string[] {
  const count = Math.ceil(items.length / ELEMENTS_PER_STATEMENT);
  return Array.from({ length: count }, (_, index) => {
    const at = index * ELEMENTS_PER_STATEMENT;
    const part = items.slice(at, at + ELEMENTS_PER_STATEMENT).join(", ");
    return `${verb} element ${table} ${collection} { ${part} }`;
  });
}
