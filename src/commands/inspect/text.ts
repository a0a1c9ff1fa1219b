/** @file What a survey says, in lines for a terminal and for a page. Only the terminal may name files. */
import type { Counts, DomainSurvey, Survey } from './survey.js';

export interface Fact {
  label: string;
  text: string;
}

const MOST_LISTED = 4;

/** e.g. `512 x 512`, or `512 x 512 (18), 256 x 256 (2)`. */
function listed(counts: Counts): string {
  const [first] = counts;
  if (first !== undefined && counts.length === 1) return first[0];
  const shown = counts.slice(0, MOST_LISTED).map(([what, count]) => `${what} (${count})`);
  return `${shown.join(', ')}${counts.length > MOST_LISTED ? `, and ${counts.length - MOST_LISTED} more` : ''}`;
}

const PATIENTS_BY = {
  pattern: 'by --patient',
  header: 'by the DICOM header',
  volume: 'one a volume',
  name: 'one a file name, since nothing says otherwise',
};

/** One domain, without a name of a file or a folder. */
export function domainFacts(domain: DomainSurvey): Fact[] {
  const { percentiles: p, voi, inverted } = domain;
  const facts: [string, string | undefined][] = [
    [
      'images',
      `${domain.images}${domain.files === domain.images ? '' : ` slices of ${domain.files} files`}, ${domain.format}`,
    ],
    ['size', listed(domain.sizes)],
    ['values', listed(domain.kinds)],
    [
      'seen',
      `${plain(domain.least)} to ${plain(domain.most)}; 99 % from ${plain(p['0.5']!)} to ${plain(p['99.5']!)}, half from ${plain(p['25']!)} to ${plain(p['75']!)}, median ${plain(p['50']!)}`,
    ],
    ['modality', domain.modalities.length === 0 ? undefined : listed(domain.modalities)],
    ['scanner', domain.scanners.length === 0 ? undefined : listed(domain.scanners)],
    ['coding', domain.syntaxes.length === 0 ? undefined : listed(domain.syntaxes)],
    ['spacing', domain.spacings.length === 0 ? undefined : listed(domain.spacings)],
    ['display', voi.length === 0 ? undefined : `${listed(voi)}; not applied unless voi: apply`],
    ['MONOCHROME1', inverted === 0 ? undefined : `${inverted} images, inverted once`],
    ['patients', `${domain.patients}, ${PATIENTS_BY[domain.patientsBy]}`],
  ];
  return facts.flatMap(([label, text]) => (text === undefined ? [] : [{ label, text }]));
}

/** What both domains come to, without a name of a file or a folder. */
export function commonFacts(survey: Survey): Fact[] {
  const { domains, pairs, shared, range, robust } = survey;
  const facts: Fact[] = [];
  const clamped = domains.map(({ clamped }, at) => `${percent(clamped)} of ${'XY'[at]}`).join(', ');
  const auto =
    typeof range === 'string'
      ? range
      : `auto is ${plain(range[0])} to ${plain(range[1])}, which clamps ${clamped}.`;
  const percentiles =
    typeof robust === 'string'
      ? ''
      : ` percentiles is ${plain(robust[0])} to ${plain(robust[1])}${typeof range === 'string' ? `, which clamps ${clamped}` : ''}.`;
  facts.push({ label: 'range', text: `${auto}${percentiles}${narrower(survey)}` });
  if (pairs !== undefined) {
    const { byName, byPosition } = pairs;
    const found = [
      ...(typeof byName === 'number' ? [`${byName} by name`] : []),
      ...(typeof byPosition === 'number' ? [`${byPosition} by position`] : []),
    ];
    facts.push({
      label: 'pairs',
      text: found.length === 0 ? 'none, neither by name nor by position' : found.join(', '),
    });
  }
  if (shared !== undefined) {
    const text = shared === 0 ? 'none' : `${shared}; they stay in one part of the split`;
    facts.push({ label: 'patients in both', text });
  }
  const spectra = domains.map(({ spectrum }, at) => `${'XY'[at]} ${highBand(spectrum).toFixed(1)} dB`);
  facts.push({
    label: 'fine detail',
    text: `mean power above a quarter cycle a pixel: ${spectra.join(', ')}`,
  });
  return facts;
}

/** Whether far less than the full depth is used, as by 12 bits stored in 16. */
function narrower({ domains, range }: Survey): string {
  if (typeof range === 'string') return '';
  const [least, most] = [
    Math.min(...domains.map((one) => one.least)),
    Math.max(...domains.map((one) => one.most)),
  ];
  if (most - least > (range[1] - range[0]) / 2) return '';
  return ` All values lie within ${plain(least)} to ${plain(most)}, less than half of it: give that range.`;
}

/** Mean of the upper half of the frequencies, dB. */
function highBand(spectrum: number[]): number {
  const upper = spectrum.slice(spectrum.length >> 1);
  return upper.reduce((sum, power) => sum + power, 0) / upper.length;
}

/** Why a file was refused, without its path, with which the reason begins. */
export function reasonAlone(reason: string, folder: string, name: string): string {
  return reason.replace(`${folder}/${name}: `, '').replaceAll(`${folder}/${name}`, 'the file');
}

/** The survey for the terminal, which may name files. */
export function surveyText(survey: Survey): string {
  const lines: string[] = [];
  survey.domains.forEach((domain, at) => {
    lines.push(`${survey.domains.length > 1 ? `${'XY'[at]}  ` : ''}${domain.folder}`);
    for (const { label, text } of domainFacts(domain)) lines.push(`  ${label.padEnd(12)} ${text}`);
    for (const warning of domain.warnings) lines.push(`  note         ${warning}`);
    if (domain.refused.length > 0) {
      lines.push(`  refused      ${domain.refused.length} files; --skip-bad of sweep run leaves them out:`);
      for (const { reason } of domain.refused) lines.push(`    ${reason}`);
    }
    lines.push('');
  });
  for (const { label, text } of commonFacts(survey)) lines.push(`${label.padEnd(16)} ${text}`);
  return lines.join('\n');
}

export function plain(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

function percent(share: number): string {
  return share === 0 ? 'none' : share < 0.0005 ? 'less than 0.1 %' : `${(100 * share).toFixed(1)} %`;
}
