/** @file The table of trials: sorting, filters, columns that do not differ, CSV; and the difference of any two trials. */
/* global CustomEvent, document, downloadCsv, section */

function valueAt(quantity, row) {
  return quantity.values[quantity.values.length === 1 ? 0 : row];
}

function openTable(element, data) {
  const tools = element.querySelector('.trials-tools');
  const control = (name) => tools.querySelector(`[name="${name}"]`);
  const table = element.querySelector('table.trials');
  const [headings] = table.tHead.rows;
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row, at) => ({ row, at }));
  const quantity = (id) => data.quantities.find((one) => one.id === id);
  const columnText = ({ row }, column) => row.cells[column]?.textContent ?? '';
  const texts = rows.map(({ row }) => row.textContent.toLowerCase());
  const status = tools.querySelector('[role="status"]');
  let sorted = { column: undefined, down: false };

  function sortable(heading) {
    const button = Object.assign(document.createElement('button'), {
      type: 'button',
      className: 'sort',
      textContent: heading.textContent,
    });
    button.addEventListener('click', () => sortBy(heading.cellIndex));
    heading.replaceChildren(button);
  }

  /** Once up, once down, then in the order of the grid again. What has no number comes last. */
  function sortBy(column) {
    if (sorted.column !== column) sorted = { column, down: false };
    else if (!sorted.down) sorted = { column, down: true };
    else sorted = { column: undefined, down: false };
    for (const heading of headings.cells) heading.removeAttribute('aria-sort');
    const heading = headings.cells[sorted.column];
    if (heading) heading.setAttribute('aria-sort', sorted.down ? 'descending' : 'ascending');
    const of = heading?.dataset.id && quantity(heading.dataset.id);
    const value = (entry) => (of ? valueAt(of, entry.at) : columnText(entry, sorted.column));
    const order = [...rows].sort((a, b) => {
      if (!heading) return a.at - b.at;
      const [x, y] = [value(a), value(b)];
      if (x === y) return a.at - b.at;
      if (x === null || y === null) return x === null ? 1 : -1;
      const first = typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y), 'en', { numeric: true }); // prettier-ignore
      return sorted.down ? -first : first;
    });
    body.append(...order.map(({ row }) => row));
  }

  /** `>0.3`, `<= 64`, `128`, or a part of the text. */
  function passes(wanted, text, value) {
    const compared = /^([<>]=?|=)\s*(-?[\d.]+(?:e-?\d+)?)$/i.exec(wanted);
    if (!compared) return text.toLowerCase().includes(wanted.toLowerCase());
    if (typeof value !== 'number') return false;
    const limit = Number(compared[2]);
    return {
      '<': value < limit,
      '<=': value <= limit,
      '>': value > limit,
      '>=': value >= limit,
      '=': value === limit,
    }[compared[1]];
  }

  function filter() {
    const words = control('filter').value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const fields = [...table.querySelectorAll('tr.filters input')].filter(
      (field) => field.value.trim() !== '',
    );
    const kept = new Set();
    for (const entry of rows) {
      const { row, at } = entry;
      const fits =
        words.every((word) => texts[at].includes(word)) &&
        fields.every((field) => {
          const column = field.closest('th').cellIndex;
          const { id } = headings.cells[column].dataset;
          const value = id ? valueAt(quantity(id), at) : undefined;
          return passes(field.value.trim(), columnText(entry, column), value);
        });
      row.hidden = !fits;
      if (fits) kept.add(at);
    }
    status.textContent = kept.size === rows.length ? '' : `${kept.size} of ${rows.length} trials`;
    element.closest('article').dispatchEvent(new CustomEvent('trials-filtered', { detail: { kept } }));
  }

  function filterFields(shown) {
    table.querySelector('tr.filters')?.remove();
    if (shown) {
      const line = document.createElement('tr');
      line.className = 'filters';
      for (const heading of headings.cells) {
        const cell = document.createElement('th');
        const field = Object.assign(document.createElement('input'), { type: 'search', size: 6 });
        field.setAttribute('aria-label', `Filter ${heading.textContent}`);
        field.placeholder = heading.classList.contains('number') ? '>0' : '';
        field.addEventListener('input', filter);
        cell.append(field);
        line.append(cell);
      }
      table.tHead.append(line);
    }
    filter();
  }

  /** Columns of what all trials have in common, behind the others. */
  function sameColumns(shown) {
    for (const cell of table.querySelectorAll('.added')) cell.remove();
    if (shown) {
      for (const { id, label, text } of data.same) {
        const heading = Object.assign(document.createElement('th'), {
          scope: 'col',
          className: 'added',
          textContent: label,
        });
        heading.dataset.id = id;
        headings.append(heading);
        for (const { row } of rows)
          row.append(Object.assign(document.createElement('td'), { className: 'added', textContent: text }));
      }
    }
    filterFields(control('columns').checked);
  }

  for (const heading of headings.cells) sortable(heading);
  control('filter').addEventListener('input', filter);
  control('columns').addEventListener('change', () => filterFields(control('columns').checked));
  if (data.same.length === 0) control('same').closest('label').hidden = true;
  control('same').addEventListener('change', () => sameColumns(control('same').checked));
  control('csv').addEventListener('click', () =>
    downloadCsv(`${data.name}-trials`, [
      ['trial', ...data.quantities.map(({ id }) => id)],
      ...data.trials.map(({ key }, row) => [key, ...data.quantities.map((one) => valueAt(one, row))]),
    ]),
  );
  tools.hidden = false;
}

const MINUS = '−';

function readable(value, kind) {
  if (value === null || value === undefined) return '—';
  if (typeof value === 'string') return value;
  const sign = value < 0 ? MINUS : '';
  const size = Math.abs(value);
  if (kind === 'bytes') return `${sign}${Number((size / 2 ** 20).toPrecision(4))} MiB`;
  if (kind === 'seconds') return `${sign}${Number(size.toPrecision(4))} s`;
  if (kind === 'joules') return `${sign}${Number((size / 1000).toPrecision(4))} kJ`;
  return `${sign}${Number(size.toPrecision(5))}`;
}

function openDifference(element, data) {
  const part = element.querySelector('.two-trials');
  const place = part.querySelector('.scroll');
  const control = (name) => part.querySelector(`[name="${name}"]`);
  const options = () =>
    data.trials.map(({ key, label }, value) =>
      Object.assign(document.createElement('option'), {
        value,
        textContent: `${label} (${key.slice(0, 6)})`,
      }),
    );
  control('first').append(...options());
  control('second').append(...options());
  // The first trial, and the next that is not merely another seed of it.
  const setting = (at) => data.trials[at].label.replace(/, seed .*$/, '');
  const other = data.trials.findIndex((_, at) => at > 0 && setting(at) !== setting(0));
  control('second').value = other > 0 ? other : 1;

  const cell = (tag, text, number) =>
    Object.assign(document.createElement(tag), { textContent: text, className: number ? 'number' : '' });

  function compare() {
    const [a, b] = [Number(control('first').value), Number(control('second').value)];
    const table = document.createElement('table');
    const head = document.createElement('tr');
    for (const [text, number] of [
      ['', false],
      [data.trials[a].label, true],
      [data.trials[b].label, true],
      ['second − first', true],
      ['in percent', true],
    ])
      head.append(Object.assign(cell('th', text, number), { scope: 'col' }));
    table.createTHead().append(head);
    for (const group of [...new Set(data.quantities.map((one) => one.group))]) {
      const rows = data.quantities
        .filter((one) => one.group === group)
        .map((one) => ({ ...one, x: valueAt(one, a), y: valueAt(one, b) }))
        .filter(({ x, y }) => (x !== null || y !== null) && (control('all').checked || x !== y));
      if (rows.length === 0) continue;
      const body = table.createTBody();
      const title = document.createElement('tr');
      title.append(Object.assign(cell('th', group), { scope: 'rowgroup', colSpan: 5, className: 'group' }));
      body.append(title);
      for (const { label, kind, x, y } of rows) {
        const row = document.createElement('tr');
        const numbers = typeof x === 'number' && typeof y === 'number';
        const difference = numbers ? y - x : null;
        const sign = difference > 0 ? '+' : '';
        const share = numbers && x !== 0 ? (100 * difference) / Math.abs(x) : null;
        row.append(
          Object.assign(cell('th', label), { scope: 'row' }),
          cell('td', readable(x, kind), true),
          cell('td', readable(y, kind), true),
          cell('td', difference === null ? '' : sign + readable(difference, kind), true),
          cell(
            'td',
            share === null || group === 'Parameters'
              ? ''
              : `${sign}${readable(Number(share.toPrecision(3)))} %`,
            true,
          ),
        );
        body.append(row);
      }
    }
    place.replaceChildren(table);
  }
  for (const name of ['first', 'second', 'all']) control(name).addEventListener('change', compare);
  part.hidden = false;
  compare();
}

section('trials', (element, data) => {
  openTable(element, data);
  if (data.trials.length > 1) openDifference(element, data);
});
