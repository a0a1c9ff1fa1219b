/** @file A survey as one HTML file: two figures and the facts. It runs no script, asks the network for nothing and names no file. */
import { createHash } from 'node:crypto';
import { contentPolicy } from '../../report/policy.js';
import type { Survey } from './survey.js';
import { commonFacts, domainFacts, plain, reasonAlone, type Fact } from './text.js';

const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#1b1f24, #e8eaed); --soft: light-dark(#59636e, #a3adb8); --paper: light-dark(#fff, #14171a);
  --rule: light-dark(#d8dde3, #353b42); --x: light-dark(#0b63b0, #6db3f2); --y: light-dark(#b3470e, #f3a36b); }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; white-space: nowrap; } figure { margin: 1rem 0; } figcaption { color: var(--soft); }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font: 12px system-ui, sans-serif; } .grid { stroke: var(--rule); }
.x { stroke: var(--x); } .y { stroke: var(--y); stroke-dasharray: 6 3; } .line { fill: none; stroke-width: 2; }
.key { display: inline-block; width: 2rem; border-top: 2px solid var(--x); vertical-align: middle; } .key.of-y { border-top: 2px dashed var(--y); }
`;

/** @param version of the program */
export function surveyPage(survey: Survey, version: string): string {
  const { domains, shown } = survey;
  const names = domains.map((_, at) => 'XY'[at]!);
  const legend = names
    .map((name) => `<span class="key of-${name.toLowerCase()}"></span> ${name}`)
    .join(' &nbsp; ');
  const histogram = chart({
    title: 'Share of pixels by value, on a logarithmic scale',
    from: shown[0],
    to: shown[1],
    xLabel: 'value',
    yLabel: 'log10 of the share',
    series: domains.map((domain) => domain.histogram.map((share) => Math.log10(Math.max(share, 1e-6)))),
  });
  const spectrum = chart({
    title: 'Mean power by spatial frequency',
    from: 0,
    to: 0.5,
    xLabel: 'cycles a pixel',
    yLabel: 'power, dB',
    series: domains.map((domain) => domain.spectrum),
  });
  const sections = domains.map((domain, at) => {
    const refused = domain.refused.map(
      ({ name, reason }) =>
        `<li>file ${shortHash(name)}: ${escape(reasonAlone(reason, domain.folder, name))}</li>`,
    );
    return `<h2>${domains.length > 1 ? `Domain ${names[at]}` : 'The images'}</h2>
${factTable(domainFacts(domain))}
${refused.length === 0 ? '<p>No file would be refused.</p>' : `<p>Would be refused (a hash stands for each name):</p><ul>${refused.join('')}</ul>`}`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${contentPolicy([])}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="CycleSweep ${escape(version)}">
<title>Images of two styles</title>
<style>${STYLE}</style>
</head>
<body>
<h1>What the images hold</h1>
${factTable(commonFacts(survey))}
<p>${legend}</p>
<figure>${histogram}<figcaption>Values from ${plain(shown[0])} to ${plain(shown[1])}, between which 99.8 % of them lie. Where the curves part, the styles differ in brightness or contrast.</figcaption></figure>
<figure>${spectrum}<figcaption>Mean over ${domains.map(({ spectrumOf }, at) => `${spectrumOf} images of ${names[at]}`).join(' and ')} in the range above. Where the curves part, the styles differ in sharpness or noise.</figcaption></figure>
${sections.join('\n')}
</body>
</html>
`;
}

function factTable(facts: Fact[]): string {
  const rows = facts.map(
    ({ label, text }) => `<tr><th scope="row">${escape(label)}</th><td>${escape(text)}</td></tr>`,
  );
  return `<table>${rows.join('\n')}</table>`;
}

interface Chart {
  title: string;
  from: number;
  to: number;
  xLabel: string;
  yLabel: string;
  /** Values at equal distances from `from` to `to`, of X and of Y. */
  series: number[][];
}

const [WIDTH, HEIGHT] = [860, 300];
const MARGIN = { left: 60, right: 12, top: 12, bottom: 44 };

function chart({ title, from, to, xLabel, yLabel, series }: Chart): string {
  const all = series.flat();
  const yTicks = ticks(Math.min(...all), Math.max(...all));
  const [lo, hi] = [Math.min(yTicks[0]!, ...all), Math.max(yTicks.at(-1)!, ...all)];
  const across = (share: number) => MARGIN.left + share * (WIDTH - MARGIN.left - MARGIN.right);
  const up = (value: number) =>
    HEIGHT - MARGIN.bottom - ((value - lo) / (hi - lo || 1)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const lines = series.map((values, at) => {
    const points = values.map(
      (value, bin) => `${across((bin + 0.5) / values.length).toFixed(1)},${up(value).toFixed(1)}`,
    );
    return `<polyline class="line ${'xy'[at]}" points="${points.join(' ')}"/>`;
  });
  const horizontal = yTicks.map(
    (tick) =>
      `<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${up(tick)}" y2="${up(tick)}"/>` +
      `<text x="${MARGIN.left - 8}" y="${up(tick) + 4}" text-anchor="end">${plain(tick)}</text>`,
  );
  const vertical = ticks(from, to).map(
    (tick) =>
      `<text x="${across((tick - from) / (to - from))}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle">${plain(tick)}</text>`,
  );
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">
${horizontal.join('\n')}
${vertical.join('\n')}
<text x="${WIDTH / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escape(xLabel)}</text>
<text x="14" y="${HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 ${HEIGHT / 2})">${escape(yLabel)}</text>
${lines.join('\n')}
</svg>`;
}

/** Round numbers between two ends, about five. */
function ticks(lo: number, hi: number): number[] {
  const rough = (hi - lo || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough)!;
  const first = Math.ceil(lo / step);
  return Array.from({ length: Math.max(1, Math.floor(hi / step) - first + 1) }, (_, at) =>
    Number(((first + at) * step).toPrecision(12)),
  );
}

function shortHash(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 4);
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
