/** What one part of the soak found. */
export interface SoakRow {
  readonly row: Record<string, string | number>;
  /** A line for each thing that went wrong. */
  readonly wrong: readonly string[];
  readonly met: boolean;
}
