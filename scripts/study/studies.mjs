/** @file The studies of docs/study.md, the claims that they are to answer, and what the page assumes beside what the stores hold. */

/** In the order of the page. The sweep file is sweeps/NAME.yaml, and so is the sweep's name. */
export const STUDIES = [
  { name: 'patch-by-batch', data: 'phantom' },
  { name: 'patch-by-batch-ct', data: 'CT kernel phantom' },
  { name: 'patch-by-batch-xray', data: 'chest X-rays' },
  { name: 'data-size', data: 'phantom' },
  { name: 'paired', data: 'phantom' },
  { name: 'weights', data: 'phantom' },
  // As it was first done, not as it should be: judged by itself, and in words of its own.
  { name: 'seed', data: 'phantom', repetition: true },
];

export const REPETITION = 'as it was first done (phantom)';

/** What the first study said, and what is asked beside it. A claim of a sweep file belongs to the first question that takes it. */
export const QUESTIONS = [
  {
    title: '1. The discriminator loss is lower at the smaller patch',
    takes: ({ outcome, about }) => outcome.startsWith('loss/D') && about('patch'),
    discriminator: true,
  },
  {
    title: '2. The generator loss is lower at the larger patch',
    takes: ({ outcome, about }) => outcome.startsWith('loss/') && about('patch'),
  },
  {
    title: '3. The patch matters more than the batch',
    takes: ({ contrast, confounded }) =>
      contrast.kind === 'patch-against-batch' ||
      (contrast.kind === 'factor' && ['patch', 'batch'].includes(contrast.name) && confounded === null),
  },
  { title: '4. More images help: 500 are too few', takes: ({ about }) => about('images') },
  { title: '5. Using pairs helps', takes: ({ about }) => about('paired', 'pairs', 'anatomy', 'adversarial') },
  {
    title: 'Beside the five: the larger patch gives better images',
    takes: ({ about }) => about('patch', 'batch'),
  },
  { title: 'Beside the five: the weights of the losses', takes: () => true },
];

/** Asked after the numbers had been seen, since patch and batch turned out to interact: the sides of the 2 x 2, one by one. */
export const SIDES = [
  { a: { patch: 64, batch: 2 }, b: { patch: 64, batch: 16 } },
  { a: { patch: 128, batch: 2 }, b: { patch: 128, batch: 16 } },
  { a: { patch: 64, batch: 2 }, b: { patch: 128, batch: 2 } },
  { a: { patch: 64, batch: 16 }, b: { patch: 128, batch: 16 } },
].map((pair) => ({
  claim: '',
  outcome: 'exam/psnr_body',
  contrast: { kind: 'pair', ...pair },
  expect: 'higher',
  margin: { absolute: 0.5 },
}));

/** The study at full size, for what it would cost: as many images, as large, as often seen, with the networks of the paper. */
export const FULL = {
  images: 500,
  side: 1024,
  epochs: 160,
  // The test part of a split that nobody chose.
  testShare: 0.15,
  settings: 6,
  seeds: 8,
  parameters: { patch: 128, batch: 2, generator: 'resnet', filters: 64, blocks: 9 },
};

/** Floating-point operations a second that a training reaches on a GPU, and who says so. */
export const GPU_RATES = [
  { rate: 1e12, source: 'what sweep plan assumes of a GPU of which nothing has been measured' },
  { rate: 4.6e12, source: 'measured on one NVIDIA H200, sixteen smaller trials at once (docs/gpus.md)' },
];

/** Pictures out of the reports: what of which study's page. JPEG for photographs, which take too much as PNG. */
export const PICTURES = [
  {
    study: 'patch-by-batch',
    file: 'verdicts.png',
    selector: '[data-section=verdicts]',
    before: '[data-section=verdicts] li.claim:nth-child(4)',
    says: 'What the report of patch-by-batch.yaml opens with',
  },
  {
    study: 'patch-by-batch',
    file: 'patch-by-batch.png',
    selector: '[data-section=grid] .heat-maps',
    says: 'Patch and batch crossed, on the phantom',
  },
  {
    study: 'patch-by-batch',
    file: 'discriminator-loss.png',
    selector: '[data-section=curves] .main-figures figure:nth-of-type(1)',
    says: 'Discriminator loss of patch-by-batch.yaml, on the phantom',
  },
  {
    study: 'patch-by-batch',
    file: 'generator-loss.png',
    selector: '[data-section=curves] .main-figures figure:nth-of-type(2)',
    says: 'Generator loss of patch-by-batch.yaml, on the phantom',
  },
  {
    study: 'patch-by-batch-xray',
    file: 'chest-x-rays.jpg',
    selector: '[data-section=wall] .wall table',
    says: 'Crops of chest X-rays of NIH ChestX-ray14, translated by one model of each setting (seed 1) after its few updates: ribs and lung structure are lost, and the grid is the generators’ own. Not for diagnosis',
  },
];
