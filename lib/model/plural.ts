/** `1 backend`, `2 backends`; `1 try`, `2 tries`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
