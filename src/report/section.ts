/** @file What a section of the report is: how to add one stands in docs/report-templates.md. */
import type { SweepRecord } from '../store/queries.js';
import type { Cell } from './cells.js';

export interface SectionInput {
  sweep: SweepRecord;
  /** All sweeps of the page: what is corrected for the number of questions is so over all of them. */
  sweeps: readonly SweepRecord[];
  cells: readonly Cell[];
  /** Whether sample pictures go into the page. */
  images: boolean;
  /** Reads a sample's PNG; throws where there is none. */
  readFile: (file: string) => Uint8Array;
  /** What the sweep's pictures may take of the page, bytes of text. */
  pictureBytes: number;
}

export interface Section {
  /** Of its partial, style sheet and script, and its anchor in the page. */
  name: string;
  /** Its heading, and its word in the list of contents. */
  title: string;
  /**
   * What its partial shows, null where there is nothing to show. What is under `data` goes into the page as JSON, for
   * its script. Pure: the same sweep gives the same view.
   */
  view: (input: SectionInput) => object | null;
}
