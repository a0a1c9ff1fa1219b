/** @file Runs in the report's page: what the scripts of all sections share. */
/* global Blob, DecompressionStream, Response, atob, document, matchMedia, window */
/* exported section, loadPlotly, dark, downloadCsv */
'use strict';

/** By sweep, then by section: what sections gave as `data`. */
const report = JSON.parse(document.getElementById('data').textContent);
const dark = matchMedia('(prefers-color-scheme: dark)');
const scripts = [];

/** Has a section's script run in each sweep that shows it: `run(element, data)`. The page counts as drawn when all are done. */
function section(name, run) {
  for (const element of document.querySelectorAll(`[data-section="${name}"]`)) {
    const { at } = element.closest('article').dataset;
    scripts.push(async () => run(element, report[at][name]));
  }
}

// Not before all scripts were read, or what stands further down in a file would not be there yet.
document.addEventListener('DOMContentLoaded', async () => {
  await Promise.all(scripts.map((run) => run()));
  document.body.dataset.drawn = 'yes';
});

let plotly;

/** The drawing library, unpacked once: runs as a script of this page, whose policy knows its hash. */
function loadPlotly() {
  plotly ??= unpackPlotly();
  return plotly;
}

async function unpackPlotly() {
  const packed = Uint8Array.from(atob(document.getElementById('plotly').textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  const script = document.createElement('script');
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  if (!window.Plotly) throw new Error('the drawing library did not start');
  return window.Plotly;
}

/** Gives the reader rows of numbers and words as a file, columns by the names in the first row. */
function downloadCsv(name, rows) {
  const cell = (value) => {
    const text = value === null || value === undefined || Number.isNaN(value) ? '' : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const text = rows.map((row) => row.map(cell).join(',') + '\n').join('');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  link.download = `${name.replace(/[^\w.-]+/g, '-')}.csv`;
  link.click();
  // The browser reads it after this returns.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
