/** One step of the schema, never edited once released: later changes are later steps. */
export interface Migration {
  /** The `user_version` the database has afterwards: 1, 2, 3 … without gaps. */
  readonly version: number;
  readonly statements: readonly string[];
}
