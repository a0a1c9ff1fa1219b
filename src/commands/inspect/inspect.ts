/** @file `sweep data inspect DIR [DIR2]`: what folders of images hold, before a sweep is made of them. */
import { relative, resolve } from 'node:path';
import type { ArgumentsCamelCase, CommandModule } from 'yargs';
import { writeWhole } from '../../imaging/png.js';
import { AXES, type Axis } from '../../imaging/volume.js';
import { packageVersion } from '../../version.js';
import { jsonOption } from '../options.js';
import { surveyPage } from './page.js';
import { survey, type Survey } from './survey.js';
import { surveyText } from './text.js';

interface InspectArguments {
  folder: string;
  other?: string;
  out?: string;
  axis: Axis;
  voi: 'ignore' | 'apply';
  patient?: string;
  json: boolean;
}

export const inspectCommand: CommandModule<object, InspectArguments> = {
  command: 'inspect <folder> [other]',
  describe: 'Say what folders of images hold, and what of it would be refused',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 data inspect <folder> [other]\n\nDecodes every image below one folder, or below those of domain X and domain Y: sizes, values, scanners,\n' +
          'patients, pairs, histograms and power spectra, and every file that would be refused.',
      )
      .positional('folder', { type: 'string', demandOption: true, describe: 'Folder of images, domain X' })
      .positional('other', { type: 'string', describe: 'Folder of domain Y' })
      .option('out', {
        type: 'string',
        requiresArg: true,
        describe: 'Write a page with figures to this HTML file',
      })
      .option('axis', {
        choices: AXES,
        default: 'axial' as const,
        describe: 'How volumes are cut into slices',
      })
      .option('voi', {
        choices: ['ignore', 'apply'] as const,
        default: 'ignore' as const,
        describe: 'Look at values as each DICOM file’s window or VOI LUT shows them',
      })
      .option('patient', {
        type: 'string',
        requiresArg: true,
        describe: 'Regular expression whose first group takes the patient from a file name',
      })
      .option('json', jsonOption)
      .example(
        '$0 data inspect data/soft data/sharp --out data.html',
        'both domains, and a page with figures',
      )
      .example("$0 data inspect data/A data/B --patient '^(\\d+)_'", 'patients by file name'),
  handler: inspect,
};

async function inspect(args: ArgumentsCamelCase<InspectArguments>): Promise<void> {
  const { folder, other, out, axis, voi, patient, json } = args;
  const found = await survey(other === undefined ? [folder] : [folder, other], {
    axis,
    voi,
    patient,
    progress: showProgress,
  });
  if (out !== undefined) await writeWhole(resolve(out), surveyPage(found, packageVersion()));
  if (json) console.log(JSON.stringify(found));
  else {
    console.log(surveyText(found));
    if (out !== undefined) console.log(`\nA page with figures: ${relative('.', resolve(out))}`);
    if (other !== undefined) console.log(`\nIn a sweep file: ${dataLine(folder, other, found)}`);
  }
}

function dataLine(x: string, y: string, { pairs }: Survey): string {
  const pairing =
    typeof pairs?.byPosition === 'number'
      ? ', pairing: by-position'
      : typeof pairs?.byName === 'number'
        ? ', pairing: by-name'
        : '';
  return `data: { x: ${x}, y: ${y}${pairing} }`;
}

/** On a terminal one line that is written over; elsewhere nothing. */
function showProgress(done: number, count: number): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(done < count ? `\rReading: ${done} of ${count} images` : '\r\x1b[K');
}
