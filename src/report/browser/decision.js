/** @file Answers which setting reaches a chosen quality after which time, and gives the numbers behind the figures. */
/* global document, downloadCsv, section */

section('decision', (element, data) => {
  if (!data) return;
  const button = (file) => element.querySelector(`button[data-file="${file}"]`);
  const costs = button('quality-and-costs');
  if (costs) {
    costs.hidden = false;
    costs.addEventListener('click', () => downloadCsv('quality-and-costs', data.rows));
  }
  if (!data.reach) return;

  const controls = element.querySelector('.controls-reach');
  const metric = controls.querySelector('select');
  const level = controls.querySelector('input');
  const shown = () => data.reach.metrics.find(({ name }) => name === metric.value);

  /** Median, between two in the middle. */
  function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = (sorted.length - 1) / 2;
    return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  }

  /** As the rest of the page writes it. */
  function duration(seconds) {
    const whole = Math.round(seconds);
    if (whole < 60) return `${whole} s`;
    const minutes = Math.floor(whole / 60);
    if (minutes < 60) return `${minutes} min ${whole % 60} s`;
    return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  /** A row a setting: its name, how many of its seeds reach the level, after how many seconds, and what memory they had. */
  function reached() {
    const { name, better } = shown();
    const wanted = Number(level.value);
    return data.reach.cells.flatMap(({ label, memory, tracks }) => {
      if (!tracks[name]) return [];
      const times = tracks[name].flatMap(({ seconds, value }) => {
        const at = value.findIndex((one) => (better === 'higher' ? one >= wanted : one <= wanted));
        return at < 0 ? [] : [seconds[at]];
      });
      const seconds = times.length === 0 ? null : median(times);
      return [{ label, memory, reached: times.length, of: tracks[name].length, seconds }];
    });
  }

  function show() {
    const words = `Until ${metric.selectedOptions[0].text} is ${level.value} or ${shown().better === 'higher' ? 'more' : 'less'}`;
    for (const caption of element.querySelectorAll('.reach .caption, .reach caption'))
      caption.textContent = words;
    element.querySelector('.reach .scroll').setAttribute('aria-label', words);
    // It says where the level came from: not from here any more.
    if (Number(level.value) !== shown().level) element.querySelector('.reach .note')?.remove();
    element.querySelector('.reach tbody').replaceChildren(
      ...reached().map((row) => {
        const line = document.createElement('tr');
        const texts = [
          row.label,
          `${row.reached} of ${row.of}`,
          row.seconds === null ? '—' : duration(row.seconds),
          row.memory,
        ];
        texts.forEach((text, i) => {
          const cell = document.createElement(i === 0 ? 'th' : 'td');
          if (i === 0) cell.scope = 'row';
          else cell.className = 'number';
          cell.textContent = text;
          line.append(cell);
        });
        return line;
      }),
    );
  }

  function choose() {
    level.value = shown().level;
    show();
  }

  controls.hidden = false;
  choose();
  metric.addEventListener('change', choose);
  level.addEventListener('input', show);
  button('time-to-reach').addEventListener('click', () =>
    downloadCsv('time-to-reach', [
      ['setting', 'measure', 'level', 'seeds that reach it', 'seeds', 'median seconds'],
      ...reached().map((row) => [row.label, metric.value, level.value, row.reached, row.of, row.seconds]),
    ]),
  );
});
